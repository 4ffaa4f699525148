"""The program from which the pods of a preloaded image come: it imports all of their package once, and forks.

Run by its path, with the name of a package and the descriptor of a socket. It needs the standard library
alone, so that nothing of the cluster gets into what pods run. Each order on the socket is the JSON of an
`Order`, with the descriptor of the log beside it; the answer is `{"pid": …}` or `{"errno": …}`, and later
`{"pid": …, "code": …}`, when that process has ended. When the other side is gone, so are the pods.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib
import json
import os
import pkgutil
import runpy
import selectors
import signal
import socket
import sys
import time
from dataclasses import dataclass
from typing import Final

#: The longest order; variables of a pod take most of it.
ORDER_BYTES: Final = 1 << 17
_PR_SET_PDEATHSIG: Final = 1
_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class Order:
    """What one process is to be.

    Attributes:
        arguments: What follows the program's name.
        environment: All of its variables.
        directory: Where it runs.
        network: File of its network namespace, or None for this program's own.
        mounts: File of its mount namespace, likewise.
    """

    arguments: tuple[str, ...]
    environment: dict[str, str]
    directory: str
    network: str | None
    mounts: str | None


def main() -> None:
    """Fork what is ordered; in each fork, be the package's program instead."""
    package, orders = sys.argv[1], socket.socket(fileno=int(sys.argv[2]))
    program = importlib.import_module(f"{package}.__main__")
    for module in pkgutil.walk_packages(sys.modules[package].__path__, f"{package}."):
        importlib.import_module(module.name)
    gc.freeze()  # what is loaded stays as it is: pods share its pages
    order = _serve(orders)
    if order is None:
        return
    sys.argv[1:] = order.arguments
    del sys.modules[program.__name__]
    try:
        runpy.run_module(package, run_name="__main__", alter_sys=True)
    except SystemExit as end:
        if isinstance(end.code, str):
            raise
        # Python would take apart all that is shared first, and the kernel copy each page of it for that.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(end.code or 0)


def _serve(orders: socket.socket) -> Order | None:
    """Fork until the other side is gone and return None; in a fork, return its order."""
    children: dict[int, int] = {}
    with orders, selectors.DefaultSelector() as selector:
        selector.register(orders, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                if key.fd in children:
                    selector.unregister(key.fd)
                    os.close(key.fd)
                    _say(orders, _ended(children.pop(key.fd)))
                    continue
                message, descriptors, _, _ = socket.recv_fds(orders, ORDER_BYTES, 1)
                if not message:
                    return None
                order, (log,), server = Order(**json.loads(message)), descriptors, os.getpid()
                try:
                    pid = os.fork()
                except OSError as error:
                    os.close(log)
                    _say(orders, {"errno": error.errno or 0})
                    continue
                if not pid:
                    for pidfd in children:
                        os.close(pidfd)
                    _settle(order, log, server)
                    return order
                os.close(log)
                os.setpgid(pid, pid)  # before anybody hears of it, and signals its group
                pidfd = os.pidfd_open(pid)
                children[pidfd] = pid
                selector.register(pidfd, selectors.EVENT_READ)
                _say(orders, {"pid": pid})


def _settle(order: Order, log: int, server: int) -> None:
    """Make this process the one that was ordered."""
    for output in (1, 2):
        os.dup2(log, output)
    os.close(log)
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != server:
        os.kill(os.getpid(), signal.SIGKILL)
    # Both are opened first: from within other mounts the files may not be seen.
    entered = [os.open(path, os.O_RDONLY) for path in (order.network, order.mounts) if path]
    for namespace in entered:
        if _libc.setns(namespace, 0) != 0:
            raise OSError(ctypes.get_errno(), f"setns: {os.strerror(ctypes.get_errno())}")
        os.close(namespace)
    os.chdir(order.directory)
    os.environ.clear()
    os.environ.update(order.environment)
    time.tzset()


def _ended(pid: int) -> dict[str, int]:
    _, status = os.waitpid(pid, 0)
    return {"pid": pid, "code": os.waitstatus_to_exitcode(status)}


def _say(orders: socket.socket, word: dict[str, int]) -> None:
    with contextlib.suppress(BrokenPipeError):  # the next look at the socket says the same
        orders.send(json.dumps(word).encode())


if __name__ == "__main__":
    main()
