"""How fast requests go out: no faster than is polite, and not while the server wants to be left alone.

All users of one connection share one pace: to API priority and fairness they are one flow, and what the
server asks of one of them it asks of all.
"""

from __future__ import annotations

import random
import threading
import time
from typing import Final

#: Requests that go out at once after a rest. Deploying and arming 50 pairs takes about 120 requests in a few
#: seconds, and 100 pairs about 220: neither is slowed. A server without priority and fairness takes 400
#: requests at a time by default; ours are at most 16 at a time however many go out a second.
_BURST: Final = 300
#: Requests a second beyond the burst. A run at rest sends about one a second; a thousand pairs take 15 s more
#: to arm than without this, and no other user of the server waits behind them.
_PER_S: Final = 50.0
#: Nobody waits longer than this, whatever a Retry-After says.
_LONGEST_HOLD_S: Final = 30.0
_FIRST_PAUSE_S: Final = 0.05
_LONGEST_PAUSE_S: Final = 2.0


class Pace:
    """A token bucket, and the instant until which the server wants to hear nothing."""

    def __init__(self, *, per_s: float = _PER_S, burst: int = _BURST) -> None:
        self._per_s = per_s
        self._burst = burst
        self._lock = threading.Lock()
        self._tokens = float(burst)
        self._filled_at = time.monotonic()
        self._held_until = 0.0

    @property
    def held_s(self) -> float:
        """Seconds for which the server still wants to be left alone."""
        return max(self._held_until - time.monotonic(), 0.0)

    def hold(self, seconds: float) -> None:
        """Let nobody ask for so long."""
        with self._lock:
            until = time.monotonic() + min(seconds, _LONGEST_HOLD_S)
            self._held_until = max(self._held_until, until)

    def wait(self) -> None:
        """Wait until it is one more request's turn."""
        with self._lock:
            now = time.monotonic()
            self._tokens = min(self._tokens + (now - self._filled_at) * self._per_s, float(self._burst))
            self._filled_at = now
            self._tokens -= 1
            turn_s = -self._tokens / self._per_s
        if turn_s > 0:
            time.sleep(turn_s)
        while held_s := self.held_s:
            # Never sooner than asked for, and not all in the same moment.
            time.sleep(held_s * random.uniform(1.0, 1.1))  # noqa: S311 - spreads load, no secret


class Backoff:
    """Pauses that double, with jitter, from 50 ms up to 2 s: a restarting server is back within seconds."""

    def __init__(self) -> None:
        self._next_s = _FIRST_PAUSE_S

    def reset(self) -> None:
        self._next_s = _FIRST_PAUSE_S

    def next_s(self) -> float:
        pause_s = self._next_s * random.uniform(0.5, 1.0)  # noqa: S311 - spreads retries, no secret
        self._next_s = min(2 * self._next_s, _LONGEST_PAUSE_S)
        return pause_s
