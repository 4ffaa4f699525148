"""How much traffic a run may make, how much it can make, and the refusal of what is too much."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict

from netcadence.amount import Amount
from netcadence.errors import InvalidInputError


class OverBudgetError(InvalidInputError):
    """A run could make more traffic than it is allowed to; nothing was done."""


class Limits(BaseModel):
    """Most that a run's tools may send, as payload; what is empty is not bound.

    Attributes:
        max_pair_bits_per_s: Of each pair, all its streams together.
        max_total_bits_per_s: Of all pairs that measure at the same time.
        max_total_bytes: Of all pairs in all rounds.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_pair_bits_per_s: Amount | None = None
    max_total_bits_per_s: Amount | None = None
    max_total_bytes: Amount | None = None


@dataclass(frozen=True, slots=True)
class Traffic:
    """What a run sends at most, as payload; headers come on top of it.

    Attributes:
        stream_bits_per_s: Rate of each stream; None where a tool sends as fast as the network carries.
        streams: Streams of a pair.
        pairs: Pairs that send at the same time.
        seconds: How long each pair sends, over all rounds.
        pace: The option that limits the rate, in words; empty where the tool has none.
        by_requests: Whether it is requests that are paced, each with a payload that comes back.
    """

    stream_bits_per_s: int | None
    streams: int
    pairs: int
    seconds: int
    pace: str = ""
    by_requests: bool = False

    @property
    def pair_bits_per_s(self) -> int | None:
        return None if self.stream_bits_per_s is None else self.stream_bits_per_s * self.streams

    @property
    def total_bits_per_s(self) -> int | None:
        return None if self.pair_bits_per_s is None else self.pair_bits_per_s * self.pairs

    @property
    def pair_bytes(self) -> int | None:
        return None if self.pair_bits_per_s is None else -(-self.pair_bits_per_s * self.seconds // 8)

    @property
    def total_bytes(self) -> int | None:
        return None if self.pair_bytes is None else self.pair_bytes * self.pairs

    def within(self, limits: Limits) -> int | None:
        """Return the most bits/s of a stream at which all limits hold; None where there are no limits."""
        streams = self.streams * self.pairs
        rates = (
            limits.max_pair_bits_per_s and limits.max_pair_bits_per_s // self.streams,
            limits.max_total_bits_per_s and limits.max_total_bits_per_s // streams,
            # Rounded down to whole bytes of each pair, as what it sends is rounded up to them.
            limits.max_total_bytes
            and limits.max_total_bytes // self.pairs * 8 // (self.seconds * self.streams),
        )
        return min((rate for rate in rates if rate is not None), default=None)


def require_within(name: str, traffic: Traffic, limits: Limits) -> None:
    """Refuse a run that could send more than its limits allow.

    Args:
        name: Whose traffic it is, such as the scenario's name.

    Raises:
        OverBudgetError: With one line for each limit that does not hold: what would be sent, what is allowed,
            and what to change.
    """
    wholes = (
        ("max_pair_bits_per_s", traffic.pair_bits_per_s, "bits/s in each pair"),
        ("max_total_bits_per_s", traffic.total_bits_per_s, "bits/s in all pairs together"),
        ("max_total_bytes", traffic.total_bytes, "bytes in all"),
    )
    broken = [
        f"{name} {_sends(amount, unit)}; limits.{limit} allows {allowed:,}"
        for limit, amount, unit in wholes
        if (allowed := getattr(limits, limit)) is not None and (amount is None or amount > allowed)
    ]
    if broken:
        raise OverBudgetError(". ".join((*broken, _advice(traffic, traffic.within(limits)))))


def _sends(amount: int | None, unit: str) -> str:
    if amount is None:
        return f"sends as many {unit} as the network carries"
    return f"sends up to {amount:,} {unit}"


#: iperf's own least rate.
_LEAST_RATE = 1_000


def _advice(traffic: Traffic, rate: int | None) -> str:
    if traffic.by_requests:
        less = "a smaller payload, fewer pairs or less time"
        asked = "Ask for" if traffic.stream_bits_per_s is None else "Ask for a lower"
        return f"{asked} {traffic.pace} (requests/s of a pair), {less}"
    if not traffic.pace:
        return "Its tool cannot be limited in rate: raise the limit, or choose another scenario"
    if rate is None or rate < _LEAST_RATE:
        return "Fewer pairs, streams or seconds would be within it; no rate is low enough"
    return f"Set {traffic.pace}: {rate} (bits/s of each stream) or less, fewer pairs or less time"
