"""The program that runs in each benchmark pod.

What belongs here: the contract with the orchestrator (`contract`, `metrics`), the parsers of what the
tools print, and the worker itself: watching, arming, starting on time, reporting.

What must not: Prefect, pandas, the `kubernetes` client, or anything else that a pod would have to carry.
`contract`, `metrics` and `parsing` are also what the orchestrator imports, so that both sides read the
same sentence in the same way.
"""

__version__ = "0.1.0"
