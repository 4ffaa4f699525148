"""The program in the pod: `python -m netcadence_worker`; with `--external` that of a machine elsewhere.

To import is nearly all that a worker does until it is ready. Nothing of what is imported goes away again, so
that no garbage is looked for meanwhile, nor ever among it; pydantic does not look for plug-ins among all that
is installed; and what few workers need is imported by those.
"""

from __future__ import annotations

import gc

gc.disable()

import os

os.environ["PYDANTIC_DISABLE_PLUGINS"] = "1"

import signal
import sys
from typing import TYPE_CHECKING, Final

from netcadence_worker.missing import missing_tools
from netcadence_worker.settings import OUTSIDE, Settings, SettingsError
from netcadence_worker.wire import NetcadenceWire, Wire
from netcadence_worker.worker import Worker

gc.freeze()
gc.enable()

if TYPE_CHECKING:
    from collections.abc import Sequence

#: As sysexits.h names them: the first for a taken port, the second for what the pod's author has to change.
_EX_UNAVAILABLE: Final = 69
_EX_CONFIG: Final = 78


def main() -> int:
    """Serve requests until SIGTERM or SIGINT; return the exit code.

    Returns:
        0 if it was told to stop, whatever was open then (that is reported); 78 if the environment or the
        image lacks something; 69 if a port is taken or the credentials cannot be read.
    """
    arguments = sys.argv[1:]
    try:
        if OUTSIDE in arguments:
            from netcadence_worker import outside  # noqa: PLC0415 - not in a pod

            with outside.settings_of(arguments) as settings:
                return _serve(settings, NetcadenceWire())
        settings = Settings.from_environment(os.environ)
        return _serve(settings, _wire(settings, arguments))
    except SettingsError as error:
        return _give_up(_EX_CONFIG, f"SettingsError: {error}")


def _serve(settings: Settings, wire: Wire) -> int:
    if missing := missing_tools(settings.tools):
        return _give_up(_EX_CONFIG, f"ToolMissing: not on the PATH: {', '.join(missing)}")
    # Blocked in every thread and taken up here alone: no handler can interrupt anything.
    endings = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, endings)
    try:
        with Worker(settings, wire):
            signal.sigwait(endings)
    except OSError as error:
        return _give_up(_EX_UNAVAILABLE, f"cannot start: {error}")
    return 0


def _wire(settings: Settings, arguments: Sequence[str]) -> Wire:
    if settings.speaks_clusterloader:
        from netcadence_worker.clusterloader_arguments import udp_options  # noqa: PLC0415 - few do
        from netcadence_worker.clusterloader_wire import ClusterloaderWire  # noqa: PLC0415 - likewise

        return ClusterloaderWire(udp_options(arguments))
    return NetcadenceWire()


def _give_up(code: int, sentence: str) -> int:
    """Say why in one line, which a pod shows as its termination message."""
    sys.stderr.write(f"{sentence}\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
