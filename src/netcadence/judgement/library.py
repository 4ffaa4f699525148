"""Great Expectations as a library: when it is imported, that it keeps to itself, and what it does once only.

For each value that it reads of an expectation it makes a configuration of all values anew, more than a
hundred times in one validation, which was a quarter of what judging takes. For each metric it makes two
digests, thousands in all and of some dozen different arguments, which was a sixth of the rest.
"""

from __future__ import annotations

import contextlib
import functools
import gc
import importlib
import os
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from typing import Any, Final

_BENCH: Final = "netcadence.judgement.bench"
#: Arguments whose digests are kept; those of one suite are some dozens.
_DIGESTS: Final = 1_024
#: What reads an expectation's values, one after another, and changes none of them.
_READERS: Final = ("_get_runtime_kwargs", "_get_success_kwargs", "_get_domain_kwargs")
_one_at_a_time = threading.Lock()


def preload() -> None:
    """Import what judging needs, which takes some seconds the first time.

    May be called from any thread, in the background while traffic runs; a second caller waits for the first.
    """
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    # It imports two modules that the standard library is about to drop; nothing we can change.
    warnings.filterwarnings("ignore", message="module 'sre_(constants|parse)'", category=DeprecationWarning)
    with _one_at_a_time:
        with _without_collections():
            importlib.import_module(_BENCH)
        _configure_once(importlib.import_module("great_expectations.expectations.expectation").Expectation)
        _digest_once(importlib.import_module("great_expectations.core.id_dict").IDDict)


@contextlib.contextmanager
def _without_collections() -> Iterator[None]:
    """Load what then stays as it is: no garbage is looked for meanwhile, nor ever among it.

    It is the most of what such a process holds. The collector took a tenth of the time of loading, and a
    quarter of a second each time that it went through all of it, which was every sixth or seventh run.
    """
    if _BENCH in sys.modules:
        yield
        return
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was_on:
            gc.enable()


def _configure_once(expectation: Any) -> None:
    """Have an expectation's configuration made once for all that is read of it in one go.

    A version of the library without these methods stays as it is.
    """
    made: Any = getattr(expectation.configuration, "fget", None)
    as_known = made is not None and all(hasattr(expectation, each) for each in _READERS)
    if not as_known or hasattr(made, "__wrapped__"):
        return
    reading: dict[int, Any] = {}

    def at_once(read: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(read)
        def reader(self: Any, *args: Any, **kwargs: Any) -> Any:
            if id(self) in reading:
                return read(self, *args, **kwargs)
            reading[id(self)] = made(self)
            try:
                return read(self, *args, **kwargs)
            finally:
                reading.pop(id(self), None)

        return reader

    @functools.wraps(made)
    def configuration(self: Any) -> Any:
        known = reading.get(id(self))
        return made(self) if known is None else known

    for name in _READERS:
        setattr(expectation, name, at_once(getattr(expectation, name)))
    expectation.configuration = property(configuration)


def _digest_once(arguments: Any) -> None:
    """Have the digest of a metric's arguments made once where these are texts, as nearly all are.

    A version of the library that makes none of them stays as it is.
    """
    made: Any = getattr(arguments, "to_id", None)
    if made is None or hasattr(made, "__wrapped__"):
        return

    @functools.lru_cache(_DIGESTS)
    def known(items: tuple[tuple[str, str | None], ...]) -> Any:
        return made(arguments(items))

    @functools.wraps(made)
    def to_id(self: Any, *args: Any, **kwargs: Any) -> Any:
        # Of numbers some are equal that do not have the same digest, such as 1 and True.
        is_plain = type(self) is arguments and all(
            each is None or type(each) is str for each in self.values()
        )
        return made(self, *args, **kwargs) if args or kwargs or not is_plain else known(tuple(self.items()))

    arguments.to_id = to_id
