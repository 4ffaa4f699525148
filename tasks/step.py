"""Step: what makes a function a Prefect task of this project."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.utilities.annotations import opaque

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


def step(name: str, **options: Any) -> Callable[[Callable[Parameters, Result]], Callable[Parameters, Result]]:
    """Make a function a task that is never cached, and whose arguments are not looked through.

    Prefect looks twice through all that a task is given, for what other tasks have returned: with a run's
    record and all its pairs that takes longer than many a step. It is still told of the arguments themselves,
    so that its pages draw which step used what of which.

    Args:
        options: Of `prefect.task`, such as retries.
    """

    def decorate(function: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
        made = task(name=name, cache_policy=NO_CACHE, **options)(function)

        @functools.wraps(function)
        def call(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
            handed = {name: opaque(value) for name, value in kwargs.items()}
            found: Result = made(*map(opaque, args), **handed)  # type: ignore[arg-type]
            return found

        return call

    return decorate
