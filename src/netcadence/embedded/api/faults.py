"""Faults on purpose: some requests are treated as an overloaded, restarting or dying server treats them."""

from __future__ import annotations

import enum
import random
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from netcadence.embedded.api.status import ApiError, bad_request

if TYPE_CHECKING:
    from netcadence.embedded.api.status import Object

_REFUSALS: Final = {
    401: ("Unauthorized", "Unauthorized"),
    404: ("NotFound", "404 page not found"),
    409: ("Conflict", "the object has been modified; please apply your changes to the latest version"),
    410: ("Expired", "too old resource version, or a list's continuation that is too old"),
    429: ("TooManyRequests", "the server has received too many requests and has asked us to try again later"),
    500: ("InternalError", "an error on the server has prevented the request from succeeding"),
    503: ("ServiceUnavailable", "the server is currently unable to handle the request"),
}
#: Refusals that say when to come back.
_LATER: Final = frozenset({429, 500, 503})
_VERBS: Final = ("get", "list", "watch", "create", "update", "patch", "delete", "deletecollection")


class Effect(enum.StrEnum):
    """What becomes of a request that is struck."""

    #: It is answered with an error; a 404 as plain text, and a watch's 410 as an event inside a 200.
    REFUSE = "refuse"
    #: It is carried out, and the connection is cut instead of an answer.
    LOSE_REPLY = "lose-reply"
    #: It is not carried out, and its connection stays open without a word; a watch's after its head.
    SILENCE = "silence"
    #: It is not carried out, and answered with a success that says nothing: a watch's plain end.
    END = "end"


class Asked(NamedTuple):
    """What a fault can tell requests apart by; of a path that is no resource's the verb is get."""

    verb: str
    path: str
    agent: str


@dataclass(slots=True)
class Faults:
    """Which requests are struck, and how; fraction 0 is none.

    Attributes:
        fraction: Share of the requests meant that are struck, 0 to 1.
        effect: What becomes of them.
        code: What a refusal says.
        retry_after_s: Sent as `Retry-After` with a 429, 500 or 503, whole seconds.
        seed: Makes the choice of requests repeatable.
        count: How many are struck at most; None is any number.
        verb: Only requests of this verb are meant; empty for all.
        path: Only those below this path; an object's subresource too.
        agent: Only those whose User-Agent begins so.
        struck: How many have been struck.
    """

    fraction: float = 0.0
    effect: Effect = Effect.REFUSE
    code: int = 429
    retry_after_s: int = 1
    seed: int = 0
    count: int | None = None
    verb: str = ""
    path: str = ""
    agent: str = ""
    struck: int = field(default=0, init=False)
    _random: random.Random = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)  # noqa: S311 - nothing secret

    @classmethod
    def parse(cls, body: Object) -> Faults:
        """Read faults from the body of a request.

        Raises:
            ApiError: A key is not known or a value is none of those allowed (400).
        """
        unknown = body.keys() - {each.name for each in fields(cls) if each.init}
        if unknown:
            raise bad_request(f"unknown: {', '.join(sorted(unknown))}")
        if body.get("effect", Effect.REFUSE) not in list(Effect):
            raise bad_request(f"effect: must be one of {', '.join(Effect)}")
        fraction = body.get("fraction", 0)
        if isinstance(fraction, bool) or not isinstance(fraction, int | float) or not 0 <= fraction <= 1:
            raise bad_request("fraction: must be between 0 and 1")
        if body.get("code", 429) not in list(_REFUSALS):
            raise bad_request(f"code: must be one of {', '.join(map(str, _REFUSALS))}")
        if body.get("verb", "") not in ("", *_VERBS):
            raise bad_request(f"verb: must be one of {', '.join(_VERBS)}")
        for name in ("retry_after_s", "seed", "count"):
            if name in body and not _is_whole(body[name]):
                raise bad_request(f"{name}: must be a whole number, 0 or more")
        for name in ("path", "agent"):
            if not isinstance(body.get(name, ""), str):
                raise bad_request(f"{name}: must be a text")
        return cls(**body | {"effect": Effect(body.get("effect", Effect.REFUSE))})

    def strike(self, asked: Asked) -> Effect | None:
        """Decide about a request: None lets it pass; a refusal is to be made with `refusal`."""
        meant = (
            self.verb in ("", asked.verb)
            and asked.path.startswith(self.path)
            and asked.agent.startswith(self.agent)
        )
        spent = self.count is not None and self.struck >= self.count
        if not self.fraction or not meant or spent or self._random.random() >= self.fraction:
            return None
        self.struck += 1
        return self.effect

    def refusal(self) -> ApiError:
        """Return what a struck request is answered with."""
        reason, message = _REFUSALS[self.code]
        details = {"retryAfterSeconds": self.retry_after_s} if self.code in _LATER else None
        return ApiError(self.code, reason, message, details)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
