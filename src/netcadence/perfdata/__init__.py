"""PerfData: the JSON files into which ClusterLoader2's network measurement writes what it found.

Here belongs what such a file is, how a run becomes some, and how one is read. Where they are kept does not:
the command line puts them into folders, the lake keeps what was read.
"""

from netcadence.perfdata.export import Document, Measured, NotExportableError, PairFigures, export
from netcadence.perfdata.importing import read

__all__ = ["Document", "Measured", "NotExportableError", "PairFigures", "export", "read"]
