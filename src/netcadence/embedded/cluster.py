"""Clusters as their users see them: up, found, used, down."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import ssl
import sys
import urllib.error
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import yaml

from netcadence.embedded import leftovers
from netcadence.embedded.errors import EmbeddedClusterError
from netcadence.embedded.lifeline import DESCRIPTOR, READY, WORD_BYTES
from netcadence.embedded.processes import ProcessIdentity
from netcadence.embedded.settings import NetworkKind, Settings
from netcadence.embedded.state import ClusterState, DaemonRecord, exclusive, write_private

_UP_DEADLINE_S: Final = 30.0
_DOWN_DEADLINE_S: Final = 10.0
_REQUEST_DEADLINE_S: Final = 30.0


class Cluster:
    """A running embedded cluster.

    As a context manager it is taken down at the end of the block.
    """

    def __init__(
        self, state: ClusterState, record: DaemonRecord, lifeline: socket.socket | None = None
    ) -> None:
        """Describe a cluster that runs; use `up` or `find`.

        Args:
            state: Its directory.
            record: What its daemon says about itself.
            lifeline: Connection whose closing, also by this process's end, ends the daemon.
        """
        self._state = state
        self._record = record
        self._lifeline = lifeline

    @classmethod
    def up(cls, settings: Settings, *, detach: bool = False) -> Cluster:
        """Start a cluster and wait until all its nodes are Ready (well under a second).

        Args:
            settings: What it is to be.
            detach: Let it run on when this process ends, however it ends; by default it ends as well.

        Raises:
            EmbeddedClusterError: A cluster of that name is up, or this one did not come up; what it began to
                make is removed again.
        """
        with exclusive():
            state = ClusterState.of(settings.name)
            if running := _running(state):
                raise EmbeddedClusterError(
                    f'the embedded cluster "{settings.name}" is up already (process {running.pid}); '
                    "use it, take it down, or choose another name"
                )
            leftovers.remove(state)
            state.directory.mkdir(mode=0o700)
            write_private(state.settings, settings.to_json())
            try:
                lifeline = _start_daemon(state, detach=detach)
            except BaseException:
                leftovers.remove(state)
                raise
            record = state.read_record()
            if record is None:
                raise EmbeddedClusterError(
                    f"the daemon of {settings.name} vanished: {state.directory} is gone"
                )
            return cls(state, record, lifeline)

    @classmethod
    def find(cls, name: str = "default") -> Cluster | None:
        """Return this user's cluster of that name if it is up."""
        state = ClusterState.of(name)
        record = _running(state)
        return cls(state, record) if record else None

    @classmethod
    def all(cls) -> list[Cluster]:
        """Return all of this user's clusters that are up, by name."""
        return [found for state in ClusterState.all() if (found := cls.find(state.name))]

    @staticmethod
    def down_leftovers(name: str = "default") -> bool:
        """Take a cluster down, or remove what is left of one that crashed; say whether there was any."""
        with exclusive():
            state = ClusterState.of(name)
            if not state.directory.exists():
                return False
            if record := _running(state):
                _end(record.identity, signal.SIGTERM)
            leftovers.remove(state)
            return True

    @property
    def name(self) -> str:
        return self._state.name

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig; readable by this user only."""
        return self._state.kubeconfig

    @property
    def api_url(self) -> str:
        return self._record.api_url

    @property
    def network(self) -> NetworkKind:
        """`namespaces` or, without real interfaces between pods, `loopback`."""
        return self._record.network

    @property
    def pid(self) -> int:
        """The daemon's process."""
        return self._record.pid

    @property
    def log(self) -> Path:
        """The daemon's log."""
        return self._state.daemon_log

    @property
    def settings(self) -> Settings:
        """What the cluster was started with."""
        return Settings.from_json(self._state.settings.read_text())

    def down(self) -> None:
        """Remove the cluster and everything that it made; no error if it is gone already."""
        if self._lifeline is not None:
            self._lifeline.close()
            self._lifeline = None
        _end(self._record.identity, signal.SIGTERM)  # it may have removed its directory, and still be there
        Cluster.down_leftovers(self.name)

    def restart_api(self, down_s: float = 0.5) -> None:
        """Have the API server refuse connections, and cut those it has, for so many seconds from now."""
        self._command("restart", {"down_s": down_s})

    def cut_watches(self) -> int:
        """Cut every connection that watches, in the middle; return how many there were."""
        return int(self._command("cut-watches", {})["cut"])

    def set_faults(self, **faults: Any) -> None:
        """Have the API server strike some requests from now on, as `api.faults.Faults` says; none by default.

        Raises:
            EmbeddedClusterError: A key is not known, or a value is none of those allowed.
        """
        self._command("faults", faults)

    def set_uplink_rate(self, node: str, bits_per_s: int | None) -> None:
        """Limit what a node sends to and gets from other nodes; None lifts the limit.

        Raises:
            EmbeddedClusterError: There is no such node, or the network is `loopback`.
        """
        self._command("uplink", {"node": node, "bits_per_s": bits_per_s})

    def set_policies(self, *, enforced: bool = True, delay_s: float = 0) -> None:
        """Have network policies take effect so many seconds after a change from now on, or not at all.

        Raises:
            EmbeddedClusterError: The delay is not between 0 and 3600.
        """
        self._command("policies", {"enforced": enforced, "delay_s": delay_s})

    def lose_node(self, node: str) -> None:
        """Cut a node's power: its pods die at once, and soon it is no longer Ready."""
        self._command("lose", {"node": node})

    def return_node(self, node: str) -> None:
        """Give a node its power back: its pods start again, with new addresses."""
        self._command("return", {"node": node})

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.down()

    def _command(self, verb: str, body: dict[str, Any]) -> dict[str, Any]:
        """Ask the daemon for something that Kubernetes has no word for; return what it answers."""
        config = yaml.safe_load(self.kubeconfig.read_text())
        request = urllib.request.Request(  # noqa: S310 - the address is the cluster's own
            f"{self.api_url}/embedded/v1/{verb}",
            data=json.dumps(body).encode(),
            headers={
                "Authorization": f"Bearer {config['users'][0]['user']['token']}",
                "Content-Type": "application/json",
            },
        )
        context = ssl.create_default_context(cafile=str(self._state.authority))
        try:
            with urllib.request.urlopen(request, timeout=_REQUEST_DEADLINE_S, context=context) as reply:  # noqa: S310 - likewise
                answer: dict[str, Any] = json.loads(reply.read() or "{}")
        except urllib.error.HTTPError as error:
            raise EmbeddedClusterError(f"{verb}: {_message(error.read())}") from error
        except OSError as error:
            raise EmbeddedClusterError(f"{verb}: the cluster {self.name} does not answer: {error}") from error
        return answer


def _message(body: bytes) -> str:
    try:
        return str(json.loads(body)["message"])
    except (ValueError, KeyError, TypeError):
        return body.decode(errors="replace")


def _running(state: ClusterState) -> DaemonRecord | None:
    record = state.read_record()
    return record if record and record.identity.alive else None


def _start_daemon(state: ClusterState, *, detach: bool) -> socket.socket | None:
    """Start the daemon and wait for its word; return the lifeline, unless it is to do without."""
    lifeline, its_end = socket.socketpair()
    with contextlib.ExitStack() as on_failure:
        on_failure.callback(lifeline.close)
        with its_end, state.daemon_log.open("ab") as log:
            pid = os.posix_spawn(
                sys.executable,
                [
                    sys.executable,
                    "-m",
                    "netcadence.embedded",
                    str(state.directory),
                    *(["--detached"] * detach),
                ],
                os.environ,
                file_actions=[
                    (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                    (os.POSIX_SPAWN_DUP2, log.fileno(), 1),
                    (os.POSIX_SPAWN_DUP2, log.fileno(), 2),
                    (os.POSIX_SPAWN_DUP2, its_end.fileno(), DESCRIPTOR),
                ],
                setsid=True,
            )
        daemon = ProcessIdentity.of(pid) or ProcessIdentity(pid, 0)
        lifeline.settimeout(_UP_DEADLINE_S)
        try:
            word = lifeline.recv(WORD_BYTES)
        except BaseException as error:
            _end(daemon, signal.SIGKILL)
            if isinstance(error, TimeoutError):
                raise _not_up(
                    state, f"not within {_UP_DEADLINE_S:g} s; its last words:\n{state.log_tail()}"
                ) from error
            raise
        if word != READY:
            _end(daemon, signal.SIGTERM)
            if word:
                raise _not_up(state, word.decode(errors="replace"))
            raise _not_up(state, f"it ended; its last words:\n{state.log_tail()}")
        if not detach:
            on_failure.pop_all()
            return lifeline
    return None


def _not_up(state: ClusterState, why: str) -> EmbeddedClusterError:
    return EmbeddedClusterError(f'the embedded cluster "{state.name}" did not come up: {why}')


def _end(daemon: ProcessIdentity, number: signal.Signals) -> None:
    """End a daemon: kindly, if so asked and it listens, or else by force; return once it is gone."""
    with contextlib.suppress(ProcessLookupError):
        pidfd = os.pidfd_open(daemon.pid)
        try:
            if daemon.alive:
                signal.pidfd_send_signal(pidfd, number)
                if not select.select([pidfd], [], [], _DOWN_DEADLINE_S)[0]:
                    signal.pidfd_send_signal(pidfd, signal.SIGKILL)
                    select.select([pidfd], [], [])
        finally:
            os.close(pidfd)
    with contextlib.suppress(ChildProcessError):  # started by another process
        os.waitpid(daemon.pid, os.WNOHANG)
