"""How often a scenario is measured anew, so that its verdict says how sure it is; and in what order."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, model_validator

from netcadence import document
from netcadence.confidence import LEAST_REPEATS
from netcadence.pair import Pair

Item = TypeVar("Item")

#: Measured in any case: as many as it takes for an interval at all.
_LEAST_DEFAULT = LEAST_REPEATS
#: Three times as many: an interval narrows with the root of the repeats, so that more of them pay little.
_MOST_DEFAULT = 15


def _most(data: dict[str, int]) -> int:
    return max(_MOST_DEFAULT, data.get("least", _LEAST_DEFAULT))


class Repeats(BaseModel):
    """The repeats of a scenario; each is all of its rounds.

    Attributes:
        least: Repeats in any case; fewer than five have no interval.
        most: Repeats after which what is still undecided is INCONCLUSIVE.
        warm_up: Repeats before them that are kept and not judged: first connections meet cold caches.
        most_s: Seconds after which no further repeat begins beyond the least ones; by default any.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    least: Annotated[int, Field(ge=LEAST_REPEATS, le=1_000)] = _LEAST_DEFAULT
    most: Annotated[int, Field(ge=LEAST_REPEATS, le=1_000, default_factory=_most)]
    warm_up: Annotated[int, Field(ge=0, le=100)] = 1
    most_s: Annotated[int, Field(ge=1, le=86_400)] | None = None

    @model_validator(mode="after")
    def _most_is_not_less(self) -> Self:
        if self.most < self.least:
            message = f"is less than repeats.least; allowed: {self.least} or more"
            raise document.RefusalError("most", self.most, message)
        return self

    @property
    def at_first(self) -> int:
        """Repeats that are planned before anything is known, with those to warm up."""
        return self.warm_up + self.least

    @property
    def at_most(self) -> int:
        """Repeats that there may come to be, with those to warm up."""
        return self.warm_up + self.most


def repeated(once: Sequence[Pair], number: int) -> tuple[Pair, ...]:
    """Return the pairs of one repeat as those of its `number`th, counted from 0."""
    rounds = len({pair.round for pair in once})
    return tuple(
        replace(pair, index=pair.index + number * len(once), round=pair.round + number * rounds)
        for pair in once
    )


def shuffled(items: Sequence[Item], repeats: int, *, seed: int) -> tuple[Item, ...]:
    """Return each of `items` once in every repeat, in an order of its own in each.

    What drifts while all of that is measured then strikes none of the items more than the others.

    Args:
        seed: To be kept with the results: the same one gives the same order.
    """
    chance = random.Random(seed)  # noqa: S311 - an order, not a secret
    return tuple(item for _ in range(repeats) for item in chance.sample(items, len(items)))
