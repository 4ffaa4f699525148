"""The Kubernetes API of the embedded cluster: a store of objects, and the HTTP server in front of it.

What belongs here: the semantics of the API, as clients see them. What must not: anything that acts on
objects. Controllers, the scheduler and the nodes use the store from outside, as clients do.
"""
