"""Ctrl-C and SIGTERM: they end what is under way as what they are."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def heeded() -> Iterator[None]:
    """See to it that a signal which strikes within ends what is under way, whatever became of its exception.

    Python raises that exception wherever the main thread happens to be. In the midst of Prefect's own work,
    between two tasks, it may come out as an error of another kind, or as the state of a run that crashed.
    So what counts here is that the signal came, which the interpreter itself writes down.

    Raises:
        KeyboardInterrupt: SIGINT struck.
    """
    if threading.current_thread() is not threading.main_thread():  # where no signal strikes
        yield
        return
    trouble: Exception | None = None
    reader, writer = socket.socketpair()
    with reader, writer:
        reader.settimeout(0)
        writer.settimeout(0)
        before = signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
        try:
            yield
        except Exception as error:  # noqa: BLE001 - raised again below
            trouble = error
        finally:
            signal.set_wakeup_fd(before)
        struck = _written_to(reader)
    if signal.SIGTERM in struck:
        os.kill(os.getpid(), signal.SIGTERM)  # to whoever handled it before: by default it ends the process
    if signal.SIGINT in struck:
        raise KeyboardInterrupt from trouble
    if trouble is not None:
        raise trouble


def _written_to(reader: socket.socket) -> frozenset[int]:
    try:
        return frozenset(reader.recv(4096))
    except BlockingIOError:
        return frozenset()
