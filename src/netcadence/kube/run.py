"""A run on a cluster: who measures what, where."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime

from netcadence.kube.access import Access
from netcadence.kube.wire import NETCADENCE, Wire
from netcadence.scenario import Scenario
from netcadence_worker.contract import RUN_LABEL

_LONGEST_SLUG = 24
_MADE_UP = re.compile(r"\d{8}-\d{6}-(?P<slug>.+)-[0-9a-f]{4}")


@dataclass(frozen=True, slots=True)
class Run:
    """One execution of one scenario in one namespace of one cluster.

    Attributes:
        workers_of: The run whose workers it measures with; its own where it is empty.
    """

    access: Access
    namespace: str
    run_id: str
    scenario: Scenario
    wire: Wire = NETCADENCE
    workers_of: str = ""

    @property
    def selector(self) -> str:
        """Label selector of everything that the run makes."""
        return f"{RUN_LABEL}={self.run_id}"

    @property
    def has_own_workers(self) -> bool:
        return self.workers_of in ("", self.run_id)

    @property
    def workers_label(self) -> dict[str, str]:
        """What the workers' pods are labelled with that it measures with."""
        return {RUN_LABEL: self.workers_of or self.run_id}

    @property
    def workers_selector(self) -> str:
        """Label selector of these pods, and of what makes them."""
        return ",".join(f"{name}={value}" for name, value in self.workers_label.items())

    @property
    def workers_name(self) -> str:
        """Name of the run's Deployment of workers."""
        return f"worker-{self.run_id}"


def new_run_id(scenario: str) -> str:
    """Return an id that sorts by time, tells its scenario, fits a label: 20260131-120000-tcp-1-1-9f3c."""
    return f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{_slug(scenario)}-{secrets.token_hex(2)}"


def may_be_of(run_id: str, scenario: str) -> bool:
    """Tell by its id whether a run may be one of a scenario; an id that somebody gave it may be of any."""
    made_up = _MADE_UP.fullmatch(run_id)
    return made_up is None or made_up["slug"] == _slug(scenario)


def _slug(scenario: str) -> str:
    slug = "".join(character if character.isalnum() else "-" for character in scenario.lower())
    return slug[:_LONGEST_SLUG].strip("-") or "run"
