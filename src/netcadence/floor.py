"""Who measures when, where several benchmarks share one cluster: what would disturb waits, the rest goes on.

Benchmarks come in waves. Those of one wave do not disturb each other and measure at the same time; those of
another would. Waves come in sittings: those of one are set up together, and then measure one after another.
So that nothing measures its neighbour's work,

- a benchmark comes in, and looks at the cluster, once the traffic of an earlier sitting is under way: that
  takes next to nothing of the cluster, and a second or so of whoever conducts all this;
- a sitting sets up once all earlier ones have ended their measuring: what these then have to do, removing
  their workers, storing, judging, goes on beside it;
- in a sitting who measures first is given workers first: that is who has most to do with them before;
- its first wave measures once that is done too, and once all of it are set up; each other one once the wave
  before it has measured;
- what follows in one of a sitting begins when all of it have measured: until then its workers wait;
- what only takes processors, as judging does, begins when the next sitting has asked for its workers, so that
  it goes on while these come up, and does not hold up that they do.
"""

from __future__ import annotations

import enum
import math
import threading
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Final, Self

_LOOK_S: Final = 0.5


class _Stand(enum.IntEnum):
    """How far a benchmark is."""

    WAITING = 0
    COMING_IN = 1
    SETTING_UP = 2
    DEPLOYED = 3
    STAFFED = 4
    READY = 5
    MEASURING = 6
    MEASURED = 7
    TIDYING = 8
    GONE = 9


class Floor:
    """The waves of benchmarks on one cluster.

    Args:
        sittings: How many benchmarks each wave of each sitting has, in their order.

    Attributes:
        waves: A turn for each of them.
    """

    def __init__(self, sittings: Sequence[Sequence[int]]) -> None:
        self._changed = threading.Condition()
        self._stopped = False
        sizes = [(sitting, size) for sitting, waves in enumerate(sittings) for size in waves]
        self.waves = tuple(
            tuple(Turn(self, sitting, number) for _ in range(size))
            for number, (sitting, size) in enumerate(sizes)
        )

    def stop(self) -> None:
        """Have every benchmark end where it is: nothing waits any more, and whatever goes on raises."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def require(self) -> None:
        """Raise if all is to end.

        Raises:
            KeyboardInterrupt: As in a benchmark that has the main thread, where Ctrl-C raises it.
        """
        if self._stopped:
            raise KeyboardInterrupt

    def front(self) -> int:
        """Return which benchmark others wait for, from 0: the first to measure, to set up, or to be gone."""
        stands = [turn.stand for wave in self.waves for turn in wave]
        wanted = (
            lambda stand: stand is _Stand.MEASURING,
            lambda stand: _Stand.SETTING_UP <= stand <= _Stand.READY,
            lambda stand: stand < _Stand.GONE,
        )
        found = (number for is_wanted in wanted for number, stand in enumerate(stands) if is_wanted(stand))
        return next(found, len(stands) - 1)

    def reach(self, turn: Turn, stand: _Stand, until: Callable[[], bool] = lambda: True) -> None:
        """Wait for a condition and then move on; also without it, once all is to end."""
        with self._changed:
            while not (until() or self._stopped):
                self._changed.wait(_LOOK_S)
            turn.stand = stand
            self._changed.notify_all()

    def earlier_sittings(self, turn: Turn, least: _Stand) -> bool:
        """Tell whether all of earlier sittings are so far."""
        return all(each.stand >= least for each in self._turns if each.sitting < turn.sitting)

    def is_under_way(self, turn: Turn) -> bool:
        """Tell whether the traffic of any in an earlier sitting is in its stride, or was."""
        now = time.monotonic()
        return any(each.under_way_at <= now for each in self._turns if each.sitting < turn.sitting)

    def earlier_waves(self, turn: Turn, least: _Stand) -> bool:
        """Tell whether all earlier waves are so far."""
        return all(each.stand >= least for each in self._turns if each.wave < turn.wave)

    def first_wave(self, turn: Turn, least: _Stand) -> bool:
        """Tell whether those of a turn's sitting that measure first are so far, unless it is one of them."""
        own = [each for each in self._turns if each.sitting == turn.sitting]
        return turn.wave == own[0].wave or all(
            each.stand >= least for each in own if each.wave == own[0].wave
        )

    def sitting(self, turn: Turn, least: _Stand) -> bool:
        """Tell whether all of a turn's own sitting are so far."""
        return all(each.stand >= least for each in self._turns if each.sitting == turn.sitting)

    def next_sitting(self, turn: Turn, least: _Stand) -> bool:
        """Tell whether all of the next sitting are so far, if there is one."""
        return all(each.stand >= least for each in self._turns if each.sitting == turn.sitting + 1)

    @property
    def _turns(self) -> tuple[Turn, ...]:
        return tuple(turn for wave in self.waves for turn in wave)


class Turn:
    """One benchmark's place; a context manager for all that it does."""

    def __init__(self, floor: Floor, sitting: int, wave: int) -> None:
        self._floor = floor
        self.sitting = sitting
        self.wave = wave
        self.stand = _Stand.WAITING
        self.under_way_at = math.inf

    @classmethod
    def alone(cls) -> Turn:
        """Return the turn of a benchmark that shares the cluster with no other."""
        return Floor([[1]]).waves[0][0]

    def __enter__(self) -> Self:
        floor = self._floor
        floor.reach(
            self,
            _Stand.COMING_IN,
            lambda: floor.is_under_way(self) or floor.earlier_sittings(self, _Stand.TIDYING),
        )
        try:
            floor.require()
        except BaseException:
            self._leave()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leave()

    def require(self) -> None:
        """Raise if all is to end; see `Floor.require`."""
        self._floor.require()

    def set_up(self) -> None:
        """Wait until earlier sittings have measured, and who is first in this one has its workers.

        What the cluster feels is to be done after that.
        """
        floor = self._floor
        floor.reach(
            self,
            _Stand.SETTING_UP,
            lambda: floor.earlier_sittings(self, _Stand.TIDYING) and floor.first_wave(self, _Stand.STAFFED),
        )
        floor.require()

    def deployed(self) -> None:
        """Say that workers are on their way: from now on others may take the processors."""
        self._floor.reach(self, _Stand.DEPLOYED)

    def staffed(self) -> None:
        """Say that its workers are there."""
        self._floor.reach(self, _Stand.STAFFED)

    def begin(self) -> None:
        """Wait until measuring disturbs nobody and is disturbed by nobody; it begins then, unless it has."""
        floor = self._floor
        if self.stand >= _Stand.MEASURING:
            return
        floor.reach(self, _Stand.READY)
        floor.reach(
            self,
            _Stand.MEASURING,
            lambda: (
                floor.earlier_sittings(self, _Stand.GONE)
                and floor.earlier_waves(self, _Stand.MEASURED)
                and floor.sitting(self, _Stand.READY)
            ),
        )
        floor.require()

    def under_way(self, after_s: float) -> None:
        """Say that its traffic is in its stride so many seconds from now: others may come in beside it."""
        self.under_way_at = min(self.under_way_at, time.monotonic() + after_s)

    def end(self) -> None:
        """Say that measuring is over, and wait until it is for all of the sitting."""
        self._floor.reach(self, _Stand.MEASURED)
        self._floor.reach(self, _Stand.TIDYING, lambda: self._floor.sitting(self, _Stand.MEASURED))

    def give_way(self) -> None:
        """Wait until the next sitting has asked for its workers, before taking the processors.

        One that has not come to measuring goes on at once, for they wait for it.
        """
        if self.stand >= _Stand.TIDYING:
            self._floor.reach(self, self.stand, lambda: self._floor.next_sitting(self, _Stand.DEPLOYED))

    def _leave(self) -> None:
        self._floor.reach(self, _Stand.GONE)
