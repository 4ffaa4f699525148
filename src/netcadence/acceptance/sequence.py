"""In which order measurements are made: which beside each other, and which are set up together before that.

What loads the network measures alone, and so do probers beyond some pairs: they would wait for each other's
processors. Setting up does not have to be done for each of them anew: the workers of one wait, without doing
anything, while another one's measure. No more of them are there at a time than the largest measurement has
anyway, so that a cluster that can take that one can take all of it. And workers that are alike are there
once, for all measurements of a sitting.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from netcadence.change import Change
from netcadence.layout import MeshWish
from netcadence.schedule import Shape
from netcadence.traffic_path import TrafficPath

if TYPE_CHECKING:
    from netcadence.acceptance.programme import Measurement

#: Pairs of probers that go side by side, each of which tries every few milliseconds: more would wait for
#: each other where nodes share two processors, and see gaps that are their own.
_PROBED_AT_ONCE: Final = 12

Wave = tuple["Measurement", ...]


def waves_of(measurements: Sequence[Measurement]) -> tuple[Wave, ...]:
    """Put together what does not disturb each other, as far as that goes side by side.

    Each wave is where the first of it is.
    """
    waves: list[Wave] = []
    for each in measurements:
        fitting = (number for number, wave in enumerate(waves) if _go_together((*wave, each)))
        number = next(fitting, None)
        if number is None:
            waves.append((each,))
        else:
            waves[number] = (*waves[number], each)
    return tuple(waves)


def _go_together(wave: Wave) -> bool:
    pairs = sum(one.scenario.pairs for one in wave)
    return pairs <= _PROBED_AT_ONCE and not any(one.disturbs for one in wave)


def sittings_of(waves: Sequence[Wave]) -> tuple[tuple[Wave, ...], ...]:
    """Put waves together that are set up at the same time: probers, and apart from them what loads.

    One with new pods comes first of those that probe, for such pods try their servers from the moment they
    are there, and are not to go on with that while others measure.
    """
    largest = max(map(_workers, waves), default=0)
    sittings: list[tuple[Wave, ...]] = []
    for wave in waves:
        fitting = (
            number
            for number, sitting in enumerate(sittings)
            if _sit_together((*sitting, wave)) and sum(map(_workers, (*sitting, wave))) <= largest
        )
        number = next(fitting, None)
        if number is None:
            sittings.append((wave,))
        else:
            sittings[number] = tuple(sorted((*sittings[number], wave), key=_is_impatient, reverse=True))
    return tuple(sittings)


def crews_of(sittings: Sequence[Sequence[Wave]]) -> tuple[int, ...]:
    """Return for each measurement, in their order, the number of the crew of workers that it measures with.

    Those of one sitting that would be given workers that are alike, and do not measure side by side, share
    theirs. Those with policies do not: what one of them leaves in force would be part of what the next sees.
    """
    numbers: list[int] = []
    for sitting in sittings:
        crews: list[tuple[object, int]] = []
        for wave in sitting:
            busy: set[int] = set()
            for each in wave:
                wanted = _workers_wanted(each)
                found = (number for alike, number in crews if alike == wanted and number not in busy)
                number = next(found, None) if wanted else None
                if number is None:
                    number = max(numbers, default=-1) + 1
                    crews.append((wanted, number))
                busy.add(number)
                numbers.append(number)
    return tuple(numbers)


def _workers_wanted(measurement: Measurement) -> object:
    """Return what says which workers a measurement gets; None where they have to be its own."""
    scenario, wish = measurement.scenario, measurement.scenario.wish
    of_policies = scenario.change is not None and scenario.change.of_policies
    if isinstance(wish, MeshWish) or _is_exclusive(measurement) or scenario.baseline or of_policies:
        return None
    apart = wish.apart or wish.path.has_service
    alike = replace(wish, name="", path=TrafficPath.POD_IP, apart=apart)
    return alike, scenario.tool, scenario.worker


def _sit_together(waves: Sequence[Wave]) -> bool:
    everything = [each for wave in waves for each in wave]
    return len({each.disturbs for each in everything}) == 1 and not any(map(_is_exclusive, everything))


def _is_exclusive(measurement: Measurement) -> bool:
    """Tell whether its workers take something that is there once: a node's own ports, a machine outside."""
    scenario = measurement.scenario
    return scenario.on_host or scenario.external is not None or scenario.shape is Shape.MESH


def _is_impatient(wave: Wave) -> bool:
    return any(each.scenario.change is Change.POLICY_NEW_POD for each in wave)


def _workers(wave: Wave) -> int:
    return sum(
        each.scenario.demand.workers
        + (each.scenario.pairs if each.scenario.change is Change.POLICY_NEW_POD else 0)
        for each in wave
    )
