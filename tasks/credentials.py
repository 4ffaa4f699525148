"""Credentials: whose a flow uses to reach its cluster."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from prefect.blocks.system import Secret
from prefect.exceptions import ObjectNotFound

from netcadence.errors import InvalidInputError


@contextmanager
def kubeconfig_of(block: str) -> Iterator[Path]:
    """Have the kubeconfig of a Prefect block as a file that only this user reads, and only for as long.

    Raises:
        InvalidInputError: There is no block of type Secret with that name, or it holds no kubeconfig.
    """
    try:
        found = Secret.load(block)
    except (ObjectNotFound, ValueError) as error:
        raise InvalidInputError(
            f"credentials {block!r}: Prefect has no block of type Secret with that name. Make one in the UI "
            f"under Blocks, or with: prefect block create secret"
        ) from error
    assert isinstance(found, Secret)  # noqa: S101 - a coroutine in an async flow only, which none here is
    value = found.get()
    text = value if isinstance(value, str) else json.dumps(value)
    if "clusters" not in text:
        raise InvalidInputError(f"credentials {block!r}: the block holds no kubeconfig: it names no clusters")
    with tempfile.TemporaryDirectory(prefix="netcadence-") as folder:
        file = Path(folder) / "kubeconfig"
        file.touch(mode=0o600)
        file.write_text(text)
        yield file
