"""Access to Kubernetes: the one place that knows how an API server behaves.

What belongs here: connecting, retrying, following, and the objects that a run makes, watches and removes.
Everything above speaks of workers, pairs and outcomes, and sees none of the client library's exceptions.

What must not: Prefect, statistics, thresholds.
"""
