"""One exchange with an API server: at the pace it likes, with credentials that are read anew when refused.

Configuration, credentials and transport are the official client's. It reads a pod's token anew each minute
and runs an exec plugin again when its token says that it expires; a kubeconfig's `tokenFile`, and whatever
is revoked or replaced before its time, it never reads again.
"""

from __future__ import annotations

import json
import re
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import urllib3

from netcadence.kube.errors import (
    ApiRefusedError,
    ApiUnavailableError,
    ClusterNotTrustedError,
    ClusterUnknownError,
    ExpiredError,
    NotServedError,
)
from netcadence.kube.kubeconfig import configure
from netcadence.kube.pace import Pace

if TYPE_CHECKING:
    from kubernetes.client import ApiClient

_ERRORS, _UNAUTHORIZED, _NOT_FOUND, _GONE, _TOO_MANY, _SERVER_ERROR = 400, 401, 404, 410, 429, 500
_CONNECT_S: Final = 5.0
#: One run's dispatch creates requests from this many threads.
_POOL: Final = 16
#: A hold as short as this is sat out even by a call that is tried only once.
_SHORT_HOLD_S: Final = 1.0
#: Paths that a CustomResourceDefinition, and not the server itself, brings into being.
_CUSTOM_PATH: Final = re.compile(r"/apis/(?![^/]+\.k8s\.io/)[^/]+\.[^/]+/")


class Transport:
    """An API server as one kubeconfig context, or a pod's service account, reaches it.

    Attributes:
        cluster: Name under which results are kept.
    """

    def __init__(self, kubeconfig: Path | None, context: str | None, cluster: str | None) -> None:
        """Read the configuration.

        Raises:
            ClusterUnknownError: There is no such file or context, or it cannot be read.
        """
        self._kubeconfig = kubeconfig
        self._context = context
        self._pace = Pace()
        self._renewing = threading.Lock()
        self._client = self._new_client()
        self.cluster = cluster or self._source.cluster

    def _new_client(self) -> ApiClient:
        from kubernetes import client  # noqa: PLC0415 - costs 0.2 s, and only runs need it

        configuration = client.Configuration()
        configuration.retries = False
        configuration.connection_pool_maxsize = _POOL
        self._source = configure(configuration, kubeconfig=self._kubeconfig, context=self._context)
        # Whoever makes another context the current one in the meantime does not move a run to it.
        self._context = self._source.context
        return client.ApiClient(configuration)

    @property
    def name(self) -> str:
        """What this server is called in a sentence."""
        return f"The API server of cluster {self.cluster} ({self._client.configuration.host})"

    def close(self) -> None:
        self._client.rest_client.close()

    def open(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        read_s: float,
        patience_s: float,
    ) -> urllib3.BaseHTTPResponse:
        """Send one request and return its answer, which is a success and yet to be read.

        Args:
            read_s: Seconds without a byte after which the answer counts as lost.
            patience_s: Seconds to wait at most where the server wants to be left alone.

        Raises:
            ApiRefusedError: The server said no; with 401 also after the credentials were read anew.
            ApiUnavailableError: It does not answer, is overloaded, or is to be left alone for longer.
            ClusterNotTrustedError: The two do not accept each other's certificates.
            ExpiredError: It no longer knows the version that was asked for.
        """
        if (held_s := self._pace.held_s) > max(patience_s, _SHORT_HOLD_S):
            raise ApiUnavailableError(
                f"{self.name} wants to be left alone for {held_s:.0f} s more", retry_after_s=held_s
            )
        headers = {"Accept": "application/json"}
        if body is not None:
            merges = method == "PATCH"
            headers["Content-Type"] = "application/merge-patch+json" if merges else "application/json"

        def exchange(client: ApiClient) -> urllib3.BaseHTTPResponse:
            self._pace.wait()
            serialized = client.param_serialize(
                method,
                path,
                query_params=[(key, value) for key, value in (query or {}).items() if value],
                header_params=headers,
                body=body,
                auth_settings=["BearerToken"],
            )
            answer = client.call_api(*serialized, _request_timeout=(_CONNECT_S, read_s))
            response: urllib3.BaseHTTPResponse = answer.response
            return response

        client = self._client
        with self._answering(f"{method} {path}"):
            response = exchange(client)
            if response.status == _UNAUTHORIZED and self._renew(client):
                response.drain_conn()
                response.release_conn()
                response = exchange(self._client)
        if response.status >= _ERRORS:
            raise self._error(method, path, response)
        return response

    @contextmanager
    def _answering(self, request: str) -> Iterator[None]:
        """Turn what the official client raises where there is no answer into an error of ours."""
        from kubernetes.client import ApiException  # noqa: PLC0415 - see _new_client
        from kubernetes.config.config_exception import ConfigException  # noqa: PLC0415 - likewise

        try:
            yield
        except ApiException as error:  # raised for a failure of TLS only; answers are read as they are
            if _has_hung_up(error):
                raise ApiUnavailableError(f"{self.name} hung up on {request}: {error.reason}") from error
            why = str(error.reason).splitlines()[-1]
            raise ClusterNotTrustedError(
                f"{self.name} and this machine do not accept each other's certificates: {why}. "
                f"Is the certificate-authority right, and not expired, in {self._source.credentials}?"
            ) from error
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise ApiUnavailableError(f"{self.name} does not answer {request}: {error}") from error
        except ConfigException as error:  # a token file that is being replaced
            raise ApiUnavailableError(f"Credentials for {self.name} cannot be read: {error}") from error

    def _renew(self, refused: ApiClient) -> bool:
        """Read the credentials anew, once for all who were refused; tell whether there are any."""
        with self._renewing:
            if self._client is not refused:
                return True
            try:
                client = self._new_client()
            except ClusterUnknownError:
                return False
            if client.configuration.host != refused.configuration.host:
                return False
            # The one before is left as it is: others still read from it.
            self._client = client
        return True

    def _error(self, method: str, path: str, response: urllib3.BaseHTTPResponse) -> Exception:
        text = response.data.decode(errors="replace").strip()
        try:
            status = json.loads(text)
            message, reason, is_status = str(status["message"]), str(status.get("reason", "")), True
        except (ValueError, KeyError, TypeError):
            message, reason, is_status = text, "", False
        if response.status == _GONE:
            return ExpiredError(message)
        said = (
            f"{self.name} answered {method} {path} with {response.status} {reason or response.reason}: "
            f"{message}"
        )
        if response.status == _TOO_MANY or response.status >= _SERVER_ERROR:
            asked = response.headers.get("Retry-After", "")
            retry_after_s = float(asked) if asked.isdecimal() else 0.0
            self._pace.hold(retry_after_s)
            return ApiUnavailableError(said, retry_after_s=retry_after_s)
        if response.status == _NOT_FOUND and not is_status and _CUSTOM_PATH.match(path):
            return NotServedError(f"{said}. Is its CustomResourceDefinition installed?")
        if response.status == _UNAUTHORIZED:
            said += (
                f". The credentials of {self._source.credentials} were read anew and are not accepted "
                "either: log in again, or have a valid token put there"
            )
        return ApiRefusedError(said, code=response.status, reason=reason)


def _has_hung_up(error: Exception) -> bool:
    """Tell whether a handshake was broken off without a word, as by a server that is about to stop."""
    failure = error.__context__  # of urllib3, with Python's own within
    return isinstance(failure, urllib3.exceptions.SSLError) and any(
        isinstance(each, ssl.SSLEOFError | ssl.SSLZeroReturnError | ssl.SSLSyscallError)
        for each in failure.args
    )
