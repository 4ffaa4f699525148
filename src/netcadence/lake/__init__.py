"""The lake: every run's measurements as Parquet files that anything can query, written once and kept.

Nine tables in the layout `<lake>/<table>/cluster=<cluster>/date=<day>/<run id>.parquet`:

============= ===============================================================================
Here belongs how a run becomes tables and files and how they are read back. What the figures mean does not:
statistics, thresholds and trends take what this package returns. Importing it costs pyarrow; pandas is
loaded by the first use.
"""

from netcadence.lake.errors import LakeError, LakeRefusedError, LakeUnavailableError
from netcadence.lake.lake import Lake, WrittenRun

__all__ = ["Lake", "LakeError", "LakeRefusedError", "LakeUnavailableError", "WrittenRun"]
