"""The worker, to which every event of a watch is delivered twice."""

from __future__ import annotations

import sys

from netcadence_worker import __main__
from netcadence_worker.api import Connection

watch = Connection.watch


def watch_and_repeat(connection, plural, selector, version):
    for event in watch(connection, plural, selector, version):
        yield event
        yield event


Connection.watch = watch_and_repeat

sys.exit(__main__.main())
