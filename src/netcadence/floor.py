"""Who measures when, where several benchmarks share one cluster: what would disturb waits, the rest goes on.

Benchmarks come in waves. Those of one wave do not disturb each other and measure at the same time; those of
another would. So that nothing measures its neighbour's work,

- a wave sets up once all earlier ones have ended their measuring: what these then have to do, removing their
  workers, storing, judging, goes on beside it;
- it measures once that is done too, and once all of it are set up;
- what follows in one of a wave begins when all of it have measured.
"""

from __future__ import annotations

import enum
import threading
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Final, Self

_LOOK_S: Final = 0.5


class _Stand(enum.IntEnum):
    """How far a benchmark is."""

    WAITING = 0
    SETTING_UP = 1
    READY = 2
    MEASURING = 3
    TIDYING = 4
    GONE = 5


class Floor:
    """The waves of benchmarks on one cluster.

    Args:
        waves: How many benchmarks each wave has, in their order.

    Attributes:
        waves: A turn for each of them.
    """

    def __init__(self, waves: Sequence[int]) -> None:
        self._changed = threading.Condition()
        self._stopped = False
        self.waves = tuple(
            tuple(Turn(self, number) for _ in range(size)) for number, size in enumerate(waves)
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
        """Return which benchmark others wait for, from 0: the first that has not measured, or is not gone."""
        stands = [turn.stand for wave in self.waves for turn in wave]
        busy = [number for number, stand in enumerate(stands) if _Stand.WAITING < stand < _Stand.TIDYING]
        left = [number for number, stand in enumerate(stands) if stand < _Stand.GONE]
        return next(iter((*busy, *left, len(stands) - 1)))

    def reach(self, turn: Turn, stand: _Stand, until: Callable[[], bool] = lambda: True) -> None:
        """Wait for a condition and then move on; also without it, once all is to end."""
        with self._changed:
            while not (until() or self._stopped):
                self._changed.wait(_LOOK_S)
            turn.stand = stand
            self._changed.notify_all()

    def earlier(self, turn: Turn, least: _Stand) -> bool:
        """Tell whether all earlier waves are so far."""
        return all(each.stand >= least for wave in self.waves[: turn.wave] for each in wave)

    def fellows(self, turn: Turn, least: _Stand) -> bool:
        """Tell whether all of a turn's own wave are so far."""
        return all(each.stand >= least for each in self.waves[turn.wave])


class Turn:
    """One benchmark's place; a context manager for all that it does."""

    def __init__(self, floor: Floor, wave: int) -> None:
        self._floor = floor
        self.wave = wave
        self.stand = _Stand.WAITING

    @classmethod
    def alone(cls) -> Turn:
        """Return the turn of a benchmark that shares the cluster with no other."""
        return Floor([1]).waves[0][0]

    def __enter__(self) -> Self:
        self._floor.reach(self, _Stand.SETTING_UP, lambda: self._floor.earlier(self, _Stand.TIDYING))
        try:
            self._floor.require()
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

    def begin(self) -> None:
        """Wait until measuring disturbs nobody and is disturbed by nobody; it begins then."""
        floor = self._floor
        floor.reach(self, _Stand.READY)
        floor.reach(
            self,
            _Stand.MEASURING,
            lambda: floor.earlier(self, _Stand.GONE) and floor.fellows(self, _Stand.READY),
        )
        floor.require()

    def end(self) -> None:
        """Say that measuring is over, and wait until it is for all of the wave."""
        self._floor.reach(self, _Stand.TIDYING)
        self._floor.reach(self, _Stand.TIDYING, lambda: self._floor.fellows(self, _Stand.TIDYING))

    def _leave(self) -> None:
        self._floor.reach(self, _Stand.GONE)
