"""Trends: what the lake's figures did over months, and what changed when they did.

Here belongs mathematics of a series and what is concluded from it: values in, frozen values out. `history`
reads the lake, where the key of a series and the levels that somebody has accepted are at home; the lake
knows nothing of trends. The others know neither files nor Prefect. How it is shown is `netcadence.report`'s.

============= =========================================================================
`series`      a figure over time: its points, what was left out of it
`rhythm`      hours and weekdays taken out; this night beside the last ones at this hour
`detection`   where a series changed its level, how sure that is, and when it was
`level`       how high a level is, and by how much two differ, with intervals
`drift`       a change that has no date
`circumstance` what a run ran on; `cause` what differed between two of them
`look`        what a schedule asks for
`trend`       all of that for one series; `survey` for many
`rows`        figures of pairs, and statistics over them, of many runs at once
============= =========================================================================
"""
