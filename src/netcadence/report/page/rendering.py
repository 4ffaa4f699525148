"""From values to HTML: the one place where templates are rendered, with everything escaped."""

from __future__ import annotations

import functools
import re
from datetime import UTC, datetime
from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined

from netcadence import __version__

#: What may be followed where a page shows an address; anything else stands as text.
_FOLLOWED: Final = re.compile(r"(https?|file)://", re.ASCII)
#: Control characters that no HTML may have, not even escaped.
_UNSEEN: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffe\uffff\ud800-\udfff]")


def render(template: str, **values: object) -> str:
    """Return a template of this package, filled in."""
    page = _environment().get_template(template).render(version=__version__, **values)
    return _UNSEEN.sub("\ufffd", page)


@functools.cache
def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("netcadence.report.page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["instant"] = _instant
    made.tests["followed"] = lambda address: bool(_FOLLOWED.match(address))
    return made


def _instant(value: datetime) -> str:
    return f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
