"""What a prober asks, and what proves that the right server answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from netcadence_worker.path_check import Knock, request_answer, request_path

if TYPE_CHECKING:
    from netcadence_worker.path_check import Path


@dataclass(frozen=True, slots=True)
class Question:
    """One request's question.

    Attributes:
        text: What the client sends.
        answer: What the server sends then.
        is_beginning: Whether more may follow.
    """

    text: bytes
    answer: bytes
    is_beginning: bool = False

    @classmethod
    def of(cls, path: Path) -> Self:
        """Return what is asked on a path, and answered, in a line over TCP or in a GET over HTTP."""
        if path.knock is not Knock.HTTP:
            return cls(path.message("hello"), path.message("answer"))
        host = f"[{path.server}]" if ":" in path.server else path.server
        lines = (f"GET {request_path(path.uid)} HTTP/1.1", f"Host: {host}:{path.port}", "Connection: close")
        return cls("".join(f"{line}\r\n" for line in (*lines, "")).encode(), _http_answer(path.uid))

    def is_answered_by(self, heard: bytes) -> bool:
        return heard.startswith(self.answer) if self.is_beginning else heard == self.answer

    def is_asked_by(self, heard: bytes) -> bool:
        """Tell whether a client has asked just that, whatever address it knows the server by."""
        if not self.text.startswith(b"GET "):
            return heard == self.text
        first, *_ = self.text.split(b"\r\n", 1)
        return heard.startswith(first + b"\r\n") and heard.endswith(b"\r\n\r\n")


def _http_answer(uid: str) -> bytes:
    body = request_answer(uid)
    lines = (
        "HTTP/1.1 200 OK",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        "Connection: close",
    )
    return "".join(f"{line}\r\n" for line in (*lines, "")).encode() + body
