"""Thresholds beside history: what a suite would have said of past runs, and what it could ask for.

Here belongs the comparison of thresholds with series of past runs. What thresholds are is `netcadence.sla`'s,
what a series is `netcadence.trends`'.
"""
