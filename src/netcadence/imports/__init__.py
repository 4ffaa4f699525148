"""What others have measured, read from the files that they wrote, so that history goes on where it was.

Here belongs one module a format: what its file tells becomes a `ForeignRun`, in the catalogue's metrics and
units, or the file is refused with file, field, value and what is allowed. A figure that a format writes as 0
where it knows nothing is left out. Where runs are kept does not belong here; nothing of it is ever judged.
"""

from netcadence.imports.recognition import KINDS, read

__all__ = ["KINDS", "read"]
