"""knb (k8s-bench-suite): the JSON that `knb -o json` writes, with a comma too many where it idled only.

Its dates are in UTC and name no zone. As its source of release 1.5.0 has it.
"""

from __future__ import annotations

from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field

from netcadence import document
from netcadence.foreign import ForeignRun
from netcadence.imports.file import File, of_megabits
from netcadence.traffic_path import TrafficPath

ORIGIN: Final = "knb"
_PATHS: Final = {"pod2pod": TrafficPath.POD_IP, "pod2svc": TrafficPath.CLUSTER_IP}
_Word = Annotated[str, Field(max_length=256)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class _Test(_Part):
    #: 10^6 bits a second.
    bandwidth: Annotated[float, Field(gt=0, le=1e9, allow_inf_nan=False)]


class _Tests(_Part):
    tcp: _Test | None = None
    udp: _Test | None = None


class _Data(_Part):
    pod2pod: _Tests = _Tests()
    pod2svc: _Tests = _Tests()


class _Metadata(_Part):
    date: _Word
    client_node: _Word = Field(default="", alias="client-node")
    server_node: _Word = Field(default="", alias="server-node")


class _Result(_Part):
    metadata: _Metadata
    data: _Data


def recognises(content: Any) -> bool:
    """Tell whether a JSON document looks like knb's."""
    metadata = content.get("metadata") if isinstance(content, dict) else None
    return isinstance(metadata, dict) and metadata.get("generator") == "knb"


def read(file: File, content: Any) -> list[ForeignRun]:
    """Read a result, a run a test; what is said of processors and memory is of whole nodes, and left out.

    Raises:
        InvalidInputError: It is incomplete, or has no test with a bandwidth.
    """
    found = document.validated(content, _Result, source=str(file.path))
    at = file.instant(found.metadata.date, "metadata.date")
    tests = [
        (way, protocol, test)
        for way in _PATHS
        for protocol in ("tcp", "udp")
        if (test := getattr(getattr(found.data, way), protocol)) is not None
    ]
    return [
        file.run(
            {"throughput": of_megabits(test.bandwidth)},
            origin=ORIGIN,
            scenario=f"knb {way} {protocol}",
            protocol=protocol.upper(),
            started_at=at,
            number=number,
            path=_PATHS[way],
            nodes=(found.metadata.client_node, found.metadata.server_node),
        )
        for number, (way, protocol, test) in enumerate(tests)
    ]
