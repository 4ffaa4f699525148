"""The domain of network benchmarks on Kubernetes, in plain Python.

What belongs here: scenarios, pairing, statistics, SLA and judgement, the lake, access to Kubernetes, and in
`netcadence.embedded` a one-machine cluster. The contract with the workers and the metric catalogue are
imported from `netcadence_worker`, where both sides find them.

What must not: Prefect. Its tasks and flows live beside this package and import it, never the other way.
"""

__version__ = "0.1.0"
