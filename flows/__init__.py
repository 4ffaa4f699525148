"""Prefect flows, one a file, each readable from top to bottom like the chain; and the command line on top.

What belongs here: the order of steps, what happens when one fails, and what a person sees of it.

What must not: how a step is done (`tasks`), or what is right (`netcadence`).
"""
