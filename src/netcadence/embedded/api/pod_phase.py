"""In which phases a pod has ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

FINAL: Final = ("Succeeded", "Failed")


def is_final(pod: Mapping[str, Any]) -> bool:
    """Tell whether a pod says that none of its containers runs, or ever will again."""
    return (pod.get("status") or {}).get("phase") in FINAL
