"""Which format a file is of: its name or its content says so."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from netcadence import perfdata
from netcadence.errors import InvalidInputError
from netcadence.foreign import ForeignRun
from netcadence.imports import fortio, iperf3, k8s_netperf, knb
from netcadence.imports.file import File

#: What can be imported, for people.
KINDS: Final = (
    "ClusterLoader2's PerfData (NetworkPerformanceMetrics_….json), k8s-netperf (JSON, or result-….csv), "
    "iperf3 -J of a client, fortio load -json, knb -o json"
)
_Recognises = Callable[[Any], bool]
_Reads = Callable[[File, Any], list[ForeignRun]]
_JSON: Final[tuple[tuple[_Recognises, _Reads], ...]] = (
    (iperf3.recognises, iperf3.read),
    (fortio.recognises, fortio.read),
    (k8s_netperf.recognises, k8s_netperf.read),
    (knb.recognises, knb.read),
)


def read(path: Path, *, cluster: str) -> list[ForeignRun]:
    """Read a file of whichever format: one run a test in it.

    Args:
        cluster: Where it was measured, which hardly any format says.

    Raises:
        InvalidInputError: It cannot be read, is of none of the formats, or not what its format is.
    """
    if path.name.startswith("NetworkPerformanceMetrics_"):
        return [perfdata.read(path, cluster=cluster)]
    try:
        file = File(path, path.read_bytes(), cluster)
    except OSError as error:
        raise InvalidInputError(f"{path}: could not be read: {error.strerror}") from error
    if k8s_netperf.recognises_text(file.text):
        return k8s_netperf.read_table(file)
    content = file.json()
    for recognises, read_it in _JSON:
        if recognises(content) and (found := read_it(file, content)):
            return found
    raise InvalidInputError(f"{path}: holds no result that is known; allowed: {KINDS}")
