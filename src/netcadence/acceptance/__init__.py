"""Whether a cluster's network is fit for use: a profile of checks, and what they add up to.

Here belongs what is asked (`profile`), which measurements that takes (`programme`), and what their verdicts
make of the whole (`outcome`). How a measurement is made and judged does not: a check is a scenario.
"""
