"""How a PerfData file is read: whole, or refused with file, field, value and what is allowed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

from netcadence import document
from netcadence.errors import InvalidInputError
from netcadence.foreign import ForeignFigure, ForeignRun
from netcadence.perfdata.model import COUNTERPARTS, VALUE, Counterpart, DataItem, PerfData, Ratio
from netcadence.perfdata.naming import FileName
from netcadence_worker.metrics import METRICS

ORIGIN: Final = "perfdata"
#: A run id has room for 53 characters.
_DIGITS: Final = 40


def read(path: Path, *, cluster: str) -> ForeignRun:
    """Read a file.

    Args:
        cluster: Where it was measured, which no such file says.

    Raises:
        InvalidInputError: It cannot be read, or is not what ClusterLoader2 writes.
    """
    name = FileName.parse(path.name, source=str(path))
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InvalidInputError(f"{path}: could not be read: {error.strerror}") from error
    content = _parse(data, source=str(path))
    # Two nights may find the same figures: what tells them apart is the time, which is in the name.
    digest = hashlib.sha256(b"\0".join((path.name.encode("utf-8", "surrogateescape"), data))).hexdigest()
    return ForeignRun(
        run_id=f"{ORIGIN}-{digest[:_DIGITS]}",
        cluster=cluster,
        scenario=name.test,
        started_at=name.at,
        protocol=name.protocol,
        ratio=name.ratio,
        origin=ORIGIN,
        source=path.name,
        figures=tuple(_figures(content, name, source=str(path))),
    )


def _parse(data: bytes, *, source: str) -> PerfData:
    try:
        content = json.loads(data, object_pairs_hook=_without_repetition)
    except (ValueError, RecursionError) as error:
        raise InvalidInputError(f"{source}: is not JSON: {error}") from error
    if not isinstance(content, dict):
        raise InvalidInputError(f"{source}: holds no object; allowed: one of version and dataItems")
    return document.validated(content, PerfData, source=source)


def _without_repetition(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"the key {key!r} is given twice")
        found[key] = value
    return found


def _figures(content: PerfData, name: FileName, *, source: str) -> Iterator[ForeignFigure]:
    known = {each.label: each for each in COUNTERPARTS[name.protocol]}
    for index, item in enumerate(content.data_items):
        where = f"{source}: dataItems.{index}"
        label = item.labels.metric
        counterpart = known.pop(label, None)
        if counterpart is None:
            allowed = ", ".join(each.label for each in COUNTERPARTS[name.protocol])
            raise InvalidInputError(
                f"{where}.labels.Metric: {label!r}: allowed for {name.protocol}, each once: {allowed}"
            )
        _require_sound(item, counterpart, name.ratio, where=where)
        for statistic in name.ratio.statistics:
            taken = None if statistic == VALUE else statistic
            yield ForeignFigure(counterpart.metric, item.data[statistic], taken)


def _require_sound(item: DataItem, counterpart: Counterpart, ratio: Ratio, *, where: str) -> None:
    """Refuse what contradicts the file's name, the metric or itself."""
    if item.unit != counterpart.unit:
        raise InvalidInputError(f"{where}.unit: {item.unit!r}: allowed: {counterpart.unit!r}")
    if set(item.data) != set(ratio.statistics):
        given = ", ".join(item.data) or "nothing"
        raise InvalidInputError(f"{where}.data: {given}: allowed for {ratio}: {', '.join(ratio.statistics)}")
    metric = METRICS[counterpart.metric]
    for statistic, value in item.data.items():
        if not metric.is_sane(value):
            allowed = f"{metric.lowest:g} to {metric.highest:g} {item.unit}"
            raise InvalidInputError(f"{where}.data.{statistic}: {value:g}: allowed: {allowed}")
    values = [item.data[statistic] for statistic in ratio.statistics]
    if values != sorted(values):
        given = ", ".join(f"{each:g}" for each in values)
        raise InvalidInputError(f"{where}.data: {given}: allowed: none smaller than the one before")
