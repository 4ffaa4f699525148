"""Great Expectations as a library: when it is imported, and that it keeps to itself."""

from __future__ import annotations

import importlib
import os
import warnings


def preload() -> None:
    """Import what judging needs, which takes some seconds the first time.

    May be called from any thread, in the background while traffic runs; a second caller waits for the first.
    """
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    # It imports two modules that the standard library is about to drop; nothing we can change.
    warnings.filterwarnings("ignore", message="module 'sre_(constants|parse)'", category=DeprecationWarning)
    importlib.import_module("netcadence.judgement.bench")
