"""The little of the Kubernetes API that a worker needs: list, watch, get, and two ways to write a status."""

from __future__ import annotations

import contextlib
import http.client
import json
import random
import socket
import ssl
from typing import TYPE_CHECKING, Any, Final, Self
from urllib.parse import quote, urlencode

from netcadence_worker.contract import API_VERSION

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from netcadence_worker.settings import Settings

Object = dict[str, Any]

#: Seconds without a byte after which an answer counts as lost.
_READ_TIMEOUT_S: Final = 5.0
#: A server that goes down may leave watches open and silent. So each is asked to end after a while, and one
#: that then does not is given up. The spread keeps many workers from asking at the same time.
_WATCH_S: Final = (20, 30)
_LEAST_BACKOFF_S: Final = 0.05
_MOST_BACKOFF_S: Final = 5.0
#: Nobody waits longer than this, whatever a Retry-After says.
_MOST_RETRY_AFTER_S: Final = 30.0
_EXCERPT: Final = 300


class ApiError(Exception):
    """The API server did not do what it was asked.

    Attributes:
        status: The HTTP status or a Status object's code; None if there was no answer at all.
        retry_after_s: How long the server wants to be left alone.
        is_unserved: Whether nothing serves the path: a definition is new, or about to be replaced. The server
            says so in plain text, and of an object that is not there with a Status.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        retry_after_s: float = 0.0,
        is_unserved: bool = False,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after_s = retry_after_s
        self.is_unserved = is_unserved


class Endpoint:
    """Where the API server is, and what this worker shows it."""

    def __init__(
        self, host: str, port: int, service_account: Path, namespace: str, api_version: str = API_VERSION
    ) -> None:
        """Read the certificate authority.

        Raises:
            OSError: It cannot be read, or holds no certificate.
        """
        self.host = host
        self.port = port
        self.tls = ssl.create_default_context(cafile=service_account / "ca.crt")
        self._token_file = service_account / "token"
        self._namespace = namespace
        self._api_version = api_version

    @classmethod
    def of(cls, settings: Settings, api_version: str = API_VERSION) -> Self:
        place = settings.api_host, settings.api_port, settings.service_account, settings.namespace
        return cls(*place, api_version)

    def token(self) -> str:
        """Read the token anew each time: it is replaced while the pod runs."""
        return self._token_file.read_text(encoding="ascii").strip()

    def path(self, plural: str, name: str = "", subresource: str = "") -> str:
        parts = [plural, *([quote(name, safe="")] if name else []), *([subresource] if subresource else [])]
        return f"/apis/{self._api_version}/namespaces/{self._namespace}/" + "/".join(parts)


class Connection:
    """One connection, kept alive; made anew when it is needed after a failure. Not for several threads."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._http: http.client.HTTPSConnection | None = None

    def list(self, plural: str, selector: str) -> tuple[list[Object], str]:
        """Return the objects there are, and the version from which to watch on.

        Raises:
            ApiError: As everywhere here.
        """
        query = {"labelSelector": selector} if selector else {}
        answer = self._exchange("GET", self._endpoint.path(plural) + "?" + urlencode(query))
        try:
            return answer.get("items") or [], str(answer["metadata"]["resourceVersion"])
        except (KeyError, TypeError) as error:
            raise ApiError(f"{plural} were answered with something that is not a list") from error

    def watch(self, plural: str, selector: str, version: str) -> Iterator[Object]:
        """Yield each event after `version`, bookmarks too, until the server ends the stream.

        The first thing yielded is an empty object: the watch is established.

        Raises:
            ApiError: An ERROR event (status 410 if the version is too old), silence, a lost connection.
        """
        seconds = random.randint(*_WATCH_S)  # noqa: S311 - spreads load, guards nothing
        query = {
            "watch": "true",
            "resourceVersion": version,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(seconds),
            **({"labelSelector": selector} if selector else {}),
        }
        response = self._request("GET", self._endpoint.path(plural) + "?" + urlencode(query))
        self._set_timeout(seconds + _READ_TIMEOUT_S)
        yield {}
        try:
            while line := response.readline():
                yield _event(line)
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise self._lost(error) from error
        finally:
            if not response.isclosed():
                self.close()
        self._set_timeout(_READ_TIMEOUT_S)

    def patch_status(self, plural: str, name: str, status: Object) -> None:
        """Merge into an object's status.

        Raises:
            ApiError: As everywhere here.
        """
        body = json.dumps({"status": status}).encode()
        headers = {"Content-Type": "application/merge-patch+json"}
        self._exchange("PATCH", self._endpoint.path(plural, name, "status"), body, headers)

    def get(self, plural: str, name: str) -> Object:
        """Return an object as it is now.

        Raises:
            ApiError: As everywhere here.
        """
        return self._exchange("GET", self._endpoint.path(plural, name))

    def replace(self, plural: str, name: str, obj: Object) -> None:
        """Put a whole object in place of the version that it was made from.

        Raises:
            ApiError: As everywhere here; status 409 where somebody has changed it meanwhile.
        """
        headers = {"Content-Type": "application/json"}
        self._exchange("PUT", self._endpoint.path(plural, name), json.dumps(obj).encode(), headers)

    def close(self) -> None:
        if self._http is not None:
            self._http.close()
            self._http = None

    def abort(self) -> None:
        """Make whoever waits for an answer see the connection end. For another thread."""
        connection = self._http
        waiting = connection.sock if connection is not None else None  # it may be let go of at any moment
        if waiting is not None:
            with contextlib.suppress(OSError):  # it is closed already
                socket.socket.shutdown(waiting, socket.SHUT_RDWR)

    def _exchange(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Object:
        response = self._request(method, path, body, headers)
        try:
            answer = json.loads(response.read())
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise self._lost(error) from error
        if not isinstance(answer, dict):
            raise ApiError(f"{method} {path} was answered with something that is not an object")
        return answer

    def _request(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> http.client.HTTPResponse:
        reused = self._http is not None
        try:
            try:
                response = self._send(method, path, body, headers)
            except (ConnectionError, ssl.SSLEOFError):
                if not reused:
                    raise
                # The server has closed a connection that it found idle. All requests here may be repeated.
                self.close()
                response = self._send(method, path, body, headers)
            if response.status >= http.client.MULTIPLE_CHOICES:
                raise _refusal(method, path, response)
        except (OSError, http.client.HTTPException) as error:
            raise self._lost(error) from error
        return response

    def _send(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str] | None
    ) -> http.client.HTTPResponse:
        if self._http is None:
            self._http = http.client.HTTPSConnection(
                self._endpoint.host, self._endpoint.port, timeout=_READ_TIMEOUT_S, context=self._endpoint.tls
            )
        everything = {
            "Authorization": f"Bearer {self._endpoint.token()}",
            "Accept": "application/json",
            "User-Agent": "netcadence-worker",
            **(headers or {}),
        }
        self._http.request(method, path, body, everything)
        return self._http.getresponse()

    def _set_timeout(self, seconds: float) -> None:
        if self._http is not None and self._http.sock is not None:
            self._http.sock.settimeout(seconds)

    def _lost(self, error: Exception) -> ApiError:
        self.close()
        return ApiError(f"no answer from the API server: {error or type(error).__name__}")


def _event(line: bytes) -> Object:
    event = json.loads(line)
    match event:
        case {"type": "ERROR", "object": dict() as status}:
            raise ApiError(f"the watch ended: {status.get('message')}", status=status.get("code"))
        case {"type": str(), "object": {"metadata": {"resourceVersion": str()}}}:
            return dict(event)
    raise ValueError("an event that is none")


def _refusal(method: str, path: str, response: http.client.HTTPResponse) -> ApiError:
    """Read an answer that is no success: a Status, or plain text where nothing serves the path yet."""
    text = response.read().decode("utf-8", errors="replace").strip()
    is_status = False
    with contextlib.suppress(ValueError):
        status = json.loads(text)
        is_status = isinstance(status, dict)
        text = str(status["message"]) if is_status and "message" in status else text
    wish = response.getheader("Retry-After") or ""
    return ApiError(
        f"{method} {path.partition('?')[0]}: {response.status} {text[:_EXCERPT]}",
        status=response.status,
        retry_after_s=min(float(wish), _MOST_RETRY_AFTER_S) if wish.isdecimal() else 0.0,
        is_unserved=response.status == http.client.NOT_FOUND and not is_status,
    )


class Backoff:
    """How long to wait before the next try: twice as long each time, with jitter, or what the server asks."""

    def __init__(self) -> None:
        self._next_s = _LEAST_BACKOFF_S

    def reset(self) -> None:
        self._next_s = _LEAST_BACKOFF_S

    def next_s(self) -> float:
        delay_s = self._next_s * random.uniform(0.75, 1.25)  # noqa: S311 - spreads load, guards nothing
        self._next_s = min(self._next_s * 2, _MOST_BACKOFF_S)
        return delay_s

    def after(self, error: ApiError) -> float:
        # Never sooner than asked for, and not all workers in the same moment.
        asked_s = error.retry_after_s * random.uniform(1.0, 1.25)  # noqa: S311 - likewise
        return max(self.next_s(), asked_s)
