"""The lake: every run's measurements as Parquet files that anything can query, written once and kept.

Seven tables in the layout `<lake>/<table>/cluster=<cluster>/date=<day>/<run id>.parquet`:

============= ======================================================================================
`results`     one row a pair and metric, or one row a failed pair with its reason (metric is null then)
`intervals`   one row a pair, metric and part of the test, usually a second
`raw`         one row a tool: what it printed, so that a parser can be corrected later
`verdicts`    one row a finding of the judgement
`summaries`   one row a metric and statistic over the pairs that others published, and that was imported
`runs`        one row a run of ours; written last, so that a run is there only when it is whole
`acceptances` one row a check of an acceptance, under the acceptance's id; written after its runs
============= ======================================================================================

Here belongs how a run becomes tables and files and how they are read back. What the figures mean does not:
statistics, thresholds and trends take what this package returns. Importing it costs pyarrow; pandas is
loaded by the first use.
"""

from netcadence.lake.errors import LakeError, LakeRefusedError, LakeUnavailableError
from netcadence.lake.lake import Lake, WrittenRun

__all__ = ["Lake", "LakeError", "LakeRefusedError", "LakeUnavailableError", "WrittenRun"]
