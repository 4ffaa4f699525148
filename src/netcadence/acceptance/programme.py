"""The measurements that a profile's checks take: of what, in which order, and which beside another."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from netcadence import document, scenario, sla
from netcadence.acceptance import profile as profiles
from netcadence.acceptance.profile import Check, Profile
from netcadence.acceptance.sequence import Wave, crews_of, sittings_of, waves_of
from netcadence.budget import OverBudgetError
from netcadence.errors import InvalidInputError
from netcadence.layout import MeshError, lay_out
from netcadence.nodes import Site
from netcadence.pairing import PairingError
from netcadence.scenario import Scenario
from netcadence.schedule import Shape
from netcadence.sla import Requirement
from netcadence_worker.contract import Protocol, Tool

#: A planted cap is this part of what is asked, so that no chance lets it pass.
_CAP: Final = 0.1
_CANARY_S: Final = 2
_BITS_PER_KBYTE: Final = 8 * 1024
#: iperf's own least rate, in bits/s.
_LEAST_RATE: Final = 1_000
#: Bytes that are written at a time under the cap.
_CAP_WRITE: Final = 8_192
_SUFFIXES: Final = (".yaml", ".yml")


@dataclass(frozen=True, slots=True)
class Asked:
    """A check, and what it asks of its measurement.

    Attributes:
        field: Where it stands in the profile, such as `checks.0`.
    """

    check: Check
    field: str
    requirements: tuple[Requirement, ...]


@dataclass(frozen=True, slots=True)
class Measurement:
    """One scenario, and the checks that are judged by what it yields.

    Attributes:
        is_canary: Whether it has a planted cap, and has to miss what is asked.
    """

    scenario: Scenario
    asked: tuple[Asked, ...]
    is_canary: bool = False

    @property
    def requirements(self) -> tuple[Requirement, ...]:
        """All that is asked of it: each check's, one after another."""
        return tuple(each for asked in self.asked for each in asked.requirements)

    @property
    def checks(self) -> tuple[Check, ...]:
        return tuple(asked.check for asked in self.asked)

    @property
    def disturbs(self) -> bool:
        """Whether its load would be part of what others measure beside it; probers load next to nothing."""
        return self.scenario.tool is not Tool.PROBE


@dataclass(frozen=True, slots=True)
class Programme:
    """What an acceptance measures.

    Attributes:
        source: The profile's file, for messages.
        sittings: Waves that are set up together and then measure in turn; one sitting after another. A wave
            is measurements that do not disturb each other, which measure together.
    """

    source: Path
    profile: Profile
    sittings: tuple[tuple[Wave, ...], ...]

    @property
    def waves(self) -> tuple[Wave, ...]:
        return tuple(itertools.chain.from_iterable(self.sittings))

    @property
    def measurements(self) -> tuple[Measurement, ...]:
        return tuple(itertools.chain.from_iterable(self.waves))

    @property
    def crews(self) -> tuple[int, ...]:
        """For each measurement the number of the crew of workers that it measures with."""
        return crews_of(self.sittings)

    @property
    def traffic_s(self) -> int:
        """Seconds of traffic as planned: of each wave, those of its longest."""
        return sum(max(each.scenario.traffic.seconds for each in wave) for wave in self.waves)

    @property
    def profile_hash(self) -> str:
        """SHA-256 of all that is asked and measured, so that like is compared with like."""
        content = {
            "profile": self.profile.model_dump(mode="json", by_alias=True),
            "scenarios": [each.scenario.config for each in self.measurements],
            "asked": [
                [each.name, each.statistic.name, each.comparison, each.threshold]
                for measurement in self.measurements
                for each in measurement.requirements
            ],
        }
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    def require_possible(self, sites: Sequence[Site]) -> None:
        """Refuse what cannot be on a cluster of these nodes; pairs that it cannot seat are a result instead.

        Raises:
            InvalidInputError: With the check's field for each that there can be no mesh for, or that could
                send more than it is allowed to.
        """
        refusals = []
        for measurement in self.measurements:
            try:
                layout = lay_out(measurement.scenario.wish, sites)
                measurement.scenario.require_within_limits(layout.schedule)
            except (MeshError, OverBudgetError) as error:
                refusals.append(f"{self.source}: {measurement.asked[0].field}.scenario: {error}")
            except PairingError:
                continue
        if refusals:
            raise InvalidInputError("\n".join(refusals))


def load(path: str | Path, *, strict: bool | None = None, canary: bool | None = None) -> Programme:
    """Read a profile and say what it takes to measure.

    Args:
        strict: Instead of what the profile says, as is `canary`.

    Raises:
        InvalidInputError: The file is no profile, or asks for what cannot be measured; the text has a line
            with file, field, value and what is allowed for each thing that is wrong.
    """
    path = Path(path)
    found = profiles.load(path)
    asked_for = {"strict": strict, "canary": canary}
    found = found.model_copy(update={name: value for name, value in asked_for.items() if value is not None})
    return of(found, path)


def of(profile: Profile, source: Path) -> Programme:
    """Say what a profile takes to measure; `source` is its file. Raises as `load` does."""
    defaults, refusals = sla.default(), list[str]()
    measurements: dict[str, Measurement] = {}
    for position, check in enumerate(profile.checks):
        field = f"checks.{position}"
        try:
            chosen = _scenario(profile, check, source, field)
            chosen.require_within_limits()
            asked = Asked(
                check, field, _requirements(check, chosen, defaults, f"{source}: {field}.thresholds")
            )
        except OverBudgetError as error:
            refusals.append(f"{source}: {field}.scenario: {error}")
        except InvalidInputError as error:
            refusals.append(str(error))
        else:
            known = measurements.get(chosen.config_hash, Measurement(chosen, ()))
            measurements[chosen.config_hash] = replace(known, asked=(*known.asked, asked))
    if refusals:
        raise InvalidInputError("\n".join(refusals))
    everything = list(measurements.values())
    if profile.canary:
        planted = _canary(everything, source)
        # Next to the check that it is made of: the same workers have just shown that they can pass.
        (copied,) = (place for place, each in enumerate(everything) if planted.asked[0].check in each.checks)
        everything.insert(copied + 1, planted)
    return Programme(source, profile, sittings_of(waves_of(everything)))


def _scenario(profile: Profile, check: Check, source: Path, field: str) -> Scenario:
    """Return a check's scenario with what the profile changes in it."""
    name = check.scenario
    if name.endswith(_SUFFIXES):
        name = str(source.parent / name)
    try:
        found = scenario.find(name)
    except InvalidInputError as error:
        raise InvalidInputError(f"{source}: {field}.scenario: {error}") from error
    changed = found
    for changes, where in ((profile.changes, "with"), (check.changes, f"{field}.with")):
        if "name" in changes:
            raise InvalidInputError(f"{source}: {where}.name: {changes['name']!r}: a scenario keeps its name")
        if changes:
            said = changed.model_dump(mode="json", exclude_unset=True)
            content = _merged(said | {"tool": changed.tool.value}, changes)
            changed = document.validated(content, Scenario, source=str(source), at=where)
    return changed


def _merged(content: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return a mapping with changes; mappings in it are changed likewise, all else is replaced."""
    merged = dict(content)
    for key, value in changes.items():
        both = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
        merged[key] = _merged(merged[key], value) if both else value
    return merged


def _requirements(check: Check, chosen: Scenario, defaults: sla.Sla, where: str) -> tuple[Requirement, ...]:
    if check.thresholds is not None:
        found = check.thresholds.requirements_for(chosen, where)
    else:
        found = defaults.requirements_for(chosen)
    if not found:
        raise InvalidInputError(
            f"{where}: nothing is asked of {chosen.name}; allowed: {sla.allowed_for(chosen)}"
        )
    return found


def _canary(measurements: Iterable[Measurement], source: Path) -> Measurement:
    """Return the first measurement of TCP throughput between one pair's nodes, with a cap that it must miss.

    Raises:
        InvalidInputError: No check asks for a throughput that a cap could miss.
    """
    for measurement in measurements:
        chosen = measurement.scenario
        fits = chosen.protocol is Protocol.TCP and chosen.tool is Tool.IPERF and chosen.shape is Shape.RATIO
        for asked in measurement.asked if fits else ():
            for requirement in asked.requirements:
                bandwidth = int(requirement.threshold * _BITS_PER_KBYTE * _CAP)
                if _is_floor(requirement) and bandwidth >= _LEAST_RATE:
                    return Measurement(
                        _capped(chosen, bandwidth, source),
                        (replace(asked, requirements=(requirement,)),),
                        is_canary=True,
                    )
    raise InvalidInputError(
        f"{source}: canary: True: there is nothing that a planted cap could miss; allowed: false, or a check "
        "that asks a throughput_min_kbytes of TCP by iperf"
    )


def _is_floor(requirement: Requirement) -> bool:
    return requirement.metric.name == "throughput" and (
        requirement.comparison.is_floor and not requirement.statistic.is_ratio
    )


def _capped(chosen: Scenario, bandwidth: int, source: Path) -> Scenario:
    """Return a scenario as its canary: short, one pair, slower than is asked, and named for what it is."""
    changes = {
        "name": f"{chosen.name[:56]}-canary",
        "clients": max(1, len(chosen.nodes.pairs)),
        "servers": max(1, len(chosen.nodes.pairs)),
        "streams": 1,
        "rounds": 1,
        "repeats": None,
        "baseline": None,
        "duration_s": min(_CANARY_S, chosen.duration_s),
        # Small writes, or else the first one alone would take the whole time.
        "options": {"iperf": {"bandwidth": bandwidth, "length": _CAP_WRITE}},
    }
    content = chosen.model_dump(mode="json", exclude_unset=True) | changes
    return document.validated(content, Scenario, source=str(source), at="canary")
