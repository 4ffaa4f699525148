"""Faults on purpose: a share of requests is refused, as an overloaded or broken server refuses them."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from netcadence.embedded.api.status import ApiError, bad_request

if TYPE_CHECKING:
    from netcadence.embedded.api.status import Object

_REASONS: Final = {
    429: ("TooManyRequests", "the server has received too many requests and has asked us to try again later"),
    500: ("InternalError", "an error on the server has prevented the request from succeeding"),
    503: ("ServiceUnavailable", "the server is currently unable to handle the request"),
}


@dataclass(slots=True)
class Faults:
    """What share of requests fails, and how; 0 is none.

    Attributes:
        fraction: Share of requests that are refused, 0 to 1.
        code: 429, 500 or 503.
        retry_after_s: Sent as `Retry-After`, whole seconds.
        seed: Makes the choice of requests repeatable.
    """

    fraction: float = 0.0
    code: int = 429
    retry_after_s: int = 1
    seed: int = 0
    _random: random.Random = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)  # noqa: S311 - nothing secret

    @classmethod
    def parse(cls, body: Object) -> Faults:
        """Read faults from the body of a request.

        Raises:
            ApiError: A value is none of those allowed (400).
        """
        unknown = body.keys() - {"fraction", "code", "retry_after_s", "seed"}
        if unknown:
            raise bad_request(f"unknown: {', '.join(sorted(unknown))}")
        faults = cls(**body)
        if not isinstance(faults.fraction, int | float) or not 0 <= faults.fraction <= 1:
            raise bad_request("fraction: must be between 0 and 1")
        if faults.code not in _REASONS:
            raise bad_request(f"code: must be one of {', '.join(map(str, _REASONS))}")
        return faults

    def strike(self) -> None:
        """Refuse this request, or let it pass.

        Raises:
            ApiError: This request is among those that fail.
        """
        if self.fraction and self._random.random() < self.fraction:
            raise refused(self.code, self.retry_after_s)


def refused(code: int, retry_after_s: int) -> ApiError:
    """Return the refusal of a server that cannot serve now."""
    reason, message = _REASONS[code]
    return ApiError(code, reason, message, {"retryAfterSeconds": retry_after_s})
