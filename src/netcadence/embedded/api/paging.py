"""Lists in pages: a continue token keeps serving the version that its first page had."""

from __future__ import annotations

import base64
import binascii
import secrets
from collections import OrderedDict
from typing import TYPE_CHECKING, Final, NamedTuple

from netcadence.embedded.api.status import ApiError

if TYPE_CHECKING:
    from netcadence.embedded.api.journal import Revision

_MOST_SNAPSHOTS: Final = 64


class Page(NamedTuple):
    """Part of a list.

    Attributes:
        token: Asks for the rest; empty on the last page.
        remaining: How many objects come after this page.
    """

    revisions: list[Revision]
    version: int
    token: str = ""
    remaining: int = 0


class Pages:
    """Remembers lists that were served in part."""

    def __init__(self) -> None:
        self._rest: OrderedDict[str, tuple[list[Revision], int]] = OrderedDict()

    def first(self, revisions: list[Revision], version: int, limit: int | None) -> Page:
        """Return the first objects of a list, and remember the rest."""
        if not limit or len(revisions) <= limit:
            return Page(revisions, version)
        rest = revisions[limit:]
        token = base64.urlsafe_b64encode(secrets.token_bytes(12)).decode()
        self._rest[token] = (rest, version)
        while len(self._rest) > _MOST_SNAPSHOTS:
            self._rest.popitem(last=False)
        return Page(revisions[:limit], version, token, len(rest))

    def following(self, token: str, limit: int | None) -> Page:
        """Return the page that a token asks for; the token stays valid, so that a reader may try again.

        Raises:
            ApiError: The token is too old (410), or none (400).
        """
        try:
            base64.urlsafe_b64decode(token)
        except (binascii.Error, ValueError):
            raise ApiError(400, "BadRequest", "continue key is not valid") from None
        if token not in self._rest:
            message = (
                "The provided continue parameter is too old to display a consistent list result. You can "
                "start a new list without the continue parameter."
            )
            raise ApiError(410, "Expired", message)
        revisions, version = self._rest[token]
        return self.first(revisions, version, limit)

    def forget(self) -> None:
        self._rest.clear()
