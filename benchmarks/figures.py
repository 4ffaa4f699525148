"""Figures beside their bounds, as the benchmarks print and keep them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

#: What benchmarks leave behind: figures, and what takes minutes to make.
FOLDER = Path(__file__).resolve().parents[1] / ".netcadence" / "benchmarks"


class Figures:
    """What was measured, printed as it comes."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []

    def add(
        self, what: str, value: float, unit: str, *, most: float | None = None, least: float | None = None
    ) -> None:
        met = (most is None or value <= most) and (least is None or value >= least)
        bound = (
            f"at most {most:g}" if most is not None else f"at least {least:g}" if least is not None else ""
        )
        word = "" if not bound else "met" if met else "MISSED"
        self.rows.append(
            {"what": what, "value": value, "unit": unit, "most": most, "least": least, "met": met}
        )
        print(f"{what:<58} {value:>10.3f} {unit:<8} {bound:<14} {word}", flush=True)

    @property
    def held(self) -> bool:
        """Whether every bound was met."""
        return all(row["met"] for row in self.rows)

    def keep(self, name: str, **facts: Any) -> None:
        """Keep them as JSON, with what is to be known of them, and say where."""
        FOLDER.mkdir(parents=True, exist_ok=True)
        path = FOLDER / f"{name}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.json"
        path.write_text(json.dumps(facts | {"figures": self.rows}, indent=2) + "\n", encoding="utf-8")
        print(f"\nkept in {path}")
