"""One-way latency between two clocks: corrected by how far these were measured to be apart.

iperf 2 takes what a datagram carries, the sender's clock, from the receiver's clock as it arrives. All of the
distance of the two clocks therefore stands in each of its latencies: least, mean and most alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from netcadence_worker.contract import Result

_SHIFTED: Final = ("latency_avg", "latency_min", "latency_max")
#: What the suffix of a raw figure's name is, and what tells of the correction's worth.
_RAW: Final = "_uncorrected"
_UNCERTAINTY: Final = "latency_uncertainty"


@dataclass(frozen=True, slots=True)
class Correction:
    """What has to be added to a latency as the tool told it, and within what that is true.

    Attributes:
        shift_s: The server's offset to the reference, less the client's.
        uncertainty_s: Of both offsets together.
    """

    shift_s: float
    uncertainty_s: float

    def applied_to(self, results: Sequence[Result]) -> tuple[tuple[Result, ...], tuple[Result, ...]] | None:
        """Return results with latencies corrected, and what is to stand beside: raw ones and uncertainty.

        Returns:
            None where nothing can be corrected: there is no latency, or its parts contradict each other, or
            what comes out is negative by more than is uncertain.
        """
        raw = {each.metric: each.value for each in results if each.metric in _SHIFTED}
        if set(raw) != set(_SHIFTED) or not raw["latency_min"] <= raw["latency_avg"] <= raw["latency_max"]:
            return None
        shift_ms, uncertainty_ms = self.shift_s * 1e3, self.uncertainty_s * 1e3
        if raw["latency_min"] + shift_ms < -uncertainty_ms:
            return None
        corrected = tuple(
            Result.of(each.metric, each.value + shift_ms) if each.metric in raw else each for each in results
        )
        beside = (
            *(Result.of(name + _RAW, value) for name, value in raw.items()),
            Result.of(_UNCERTAINTY, uncertainty_ms),
        )
        return corrected, beside
