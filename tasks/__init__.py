"""Prefect tasks: one module a step of the chain, each a shell of a few lines around the domain.

What belongs here: names, retries, time limits and artifacts; what a step shows while it waits.

What must not: decisions. Those are in `netcadence`, where they can be read and tested without Prefect.
"""
