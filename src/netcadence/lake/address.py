"""Where a lake is, as schedules ask for it: a field of their forms."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

#: Empty is the checkout's own.
LakeAddress = Annotated[
    str, Field(description="Address of the lake: a folder, s3://… or gs://…; by default the checkout's.")
]
