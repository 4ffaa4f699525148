"""A session at the terminal: a cluster and a Prefect server for some scenarios, one after another."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from prefect.client.schemas.objects import State
from prefect.context import SyncClientContext
from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings
from rich.console import Console
from rich.text import Text

from flows import embedded_commands, environment, perfdata_commands, server
from flows.benchmark import benchmark
from flows.display import Display
from flows.exit_code import ExitCode, of_error, of_verdict
from flows.interruption import heeded
from flows.output import print_json
from netcadence import scenario as scenarios
from netcadence.adjustment import Adjustment
from netcadence.embedded import Cluster
from netcadence.home import Home
from netcadence.kube.lease import IfBusy
from netcadence.kube.wire import DEFAULT_NAMESPACE
from netcadence.perfdata import Measured
from netcadence.report import VERDICT_STYLES, verdict_table
from netcadence.report import as_json as report_as_json
from tasks import killed
from tasks.progress import heard_by
from tasks.report import Report


@dataclass(frozen=True, slots=True)
class Target:
    """Which cluster to measure: one on this machine, or the one that a kubeconfig names."""

    embedded: bool = False
    context: str | None = None
    kubeconfig: Path | None = None
    cluster: str | None = None
    namespace: str = ""
    wire: str = "netcadence"
    if_busy: IfBusy = IfBusy.WAIT
    lease_namespace: str = DEFAULT_NAMESPACE

    @property
    def parameters(self) -> dict[str, Any]:
        """What a flow is told of it, but for the wire."""
        names = ("cluster", "kubeconfig", "context", "namespace", "if_busy", "lease_namespace")
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one scenario: a report with a verdict, or an error."""

    name: str
    code: ExitCode
    state: State[Any]
    report: Report | None
    error: str = ""

    @property
    def word(self) -> Text:
        """What the scenario came to, in the verdict's colour."""
        if self.report is None:
            return Text("ERROR", style="bold red")
        verdict = self.report.judgement.verdict
        return Text(verdict, style=VERDICT_STYLES[verdict])

    @property
    def page(self) -> str:
        """Address of the run in the Prefect UI."""
        return f"{environment.ui()}/runs/flow-run/{self.state.state_details.flow_run_id}"

    def as_json(self) -> dict[str, Any]:
        """Return what a machine wants to know."""
        found = {"scenario": self.name, "exit_code": int(self.code), "prefect_run": self.page}
        if self.report is None:
            return found | {"error": self.error}
        where = {"lake": self.report.lake, "page": self.report.page or None}
        return found | report_as_json(self.report.record, self.report.judgement) | where


@dataclass(frozen=True, slots=True)
class Session:
    """Runs scenarios and shows what comes of them."""

    home: Home
    target: Target
    sla: Path
    lake: str | None
    console: Console
    adjustment: Adjustment
    perfdata: Path | None = None

    def run(self, names: list[str], *, run_id: str | None, as_json: bool) -> list[ExitCode]:
        """Run scenarios one after another; a failed one does not keep the next from being measured.

        Raises:
            NetcadenceError: A Prefect server or a cluster is not to be had; nothing was measured then.
        """
        outcomes: list[Outcome] = []
        with surroundings(self.home, self.target, self.console) as target:
            for name in names:
                outcomes.append(self._one(name, target, run_id))
                if not as_json:
                    self._show(outcomes[-1])
                if self.perfdata and (report := outcomes[-1].report):
                    perfdata_commands.export(Measured.of_record(report.record), self.perfdata, self.console)
        if as_json:
            print_json([outcome.as_json() for outcome in outcomes])
        else:
            self._say_where(outcomes)
        return [outcome.code for outcome in outcomes]

    def _one(self, name: str, target: Target, run_id: str | None) -> Outcome:
        title = scenarios.find(name).name
        with (
            heeded(),
            Display(self.console, title) as display,
            heard_by(display),
            server_needed(self.home),
            attended(),
        ):
            state: State[Any] = benchmark(
                name,
                adjustment=self.adjustment,
                run_id=run_id or "",
                wire=target.wire,
                sla=self.sla,
                lake=self.lake,
                return_state=True,
                **target.parameters,
            )
        report = state.result(raise_on_failure=False)
        if isinstance(report, Report):
            return Outcome(title, of_verdict(report.judgement.verdict), state, report)
        return Outcome(title, of_error(report), state, None, error=str(report) or str(state.message))

    def _show(self, outcome: Outcome) -> None:
        if outcome.report:
            self.console.print(verdict_table(outcome.report.record, outcome.report.judgement))
        else:
            self.console.print(Text(f"{outcome.name}: {outcome.error}", style="red"), soft_wrap=True)

    def _say_where(self, outcomes: list[Outcome]) -> None:
        """End with what each scenario came to, and where to look further; addresses are never broken up."""
        width = max(len(outcome.name) for outcome in outcomes)
        self.console.print()
        for outcome in outcomes:
            self.console.print(Text.assemble(f"{outcome.name:<{width}}  ", outcome.word), soft_wrap=True)
            if outcome.report:
                self._say_address("page", outcome.report.page)
                self._say_address("docs", outcome.report.judgement.docs)
            self._say_address("flow", outcome.page)
        lake = next((outcome.report.lake for outcome in outcomes if outcome.report), None)
        if lake:
            self.console.print(Text(f"{'lake':<{width}}  {lake}"), soft_wrap=True)

    def _say_address(self, what: str, address: str) -> None:
        if not address:
            return
        self.console.print(Text.assemble("  ", (what, "dim"), "  ", address), soft_wrap=True)


@contextmanager
def surroundings(home: Home, target: Target, console: Console) -> Iterator[Target]:
    """Have a Prefect server, and with --embedded a cluster, while scenarios run; the server stays."""
    api = environment.prepare(home)
    with ExitStack() as held:
        with Display(console, "netcadence") as display:
            display.step("looking for the Prefect server")
            api = held.enter_context(server.placed(api, home, display.remark))
            started = server.start(api, home)
            if target.embedded:
                display.step("bringing up the embedded cluster")
                cluster = held.enter_context(embedded_cluster())
                target = replace(target, kubeconfig=cluster.kubeconfig, cluster=target.cluster or "embedded")
            if started:
                display.step("starting the Prefect server")
                server.wait(api, home)
        # One client for all flows: each makes a TLS context, 50 ms of processor time, for plain HTTP as well.
        with server_needed(home):
            held.enter_context(SyncClientContext.get_or_create())
        killed.mourn_processes()
        yield target


@contextmanager
def server_needed(home: Home) -> Iterator[None]:
    """Say so in a sentence where the Prefect server refuses, or is gone."""
    try:
        yield
    except Exception as error:
        # What a flow raises is held in its state; what comes out of one is Prefect's own trouble.
        raise server.ServerError(
            f"The Prefect server at {environment.ui()} failed: {error}. Its log: {server.log(home)}"
        ) from error


@contextmanager
def attended() -> Iterator[None]:
    """Run flows without heartbeats, by which an automation learns that a flow died where nobody looked.

    The thread that sends them ends on a whole second only, and a flow waits for it: half a second a run.
    """
    with temporary_settings(updates={PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}):
        yield


@contextmanager
def embedded_cluster() -> Iterator[Cluster]:
    """Use the embedded cluster that is up, or bring one up for as long as it is needed."""
    if running := embedded_commands.find():
        yield running
    else:
        with embedded_commands.temporary() as cluster:
            yield cluster
