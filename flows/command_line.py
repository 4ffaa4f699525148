"""The command `netcadence`.

Prefect, pandas and the rest are imported where a command needs them, so that help and refusals are instant.
"""

from __future__ import annotations

import json
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from flows import (
    accept_commands,
    deploy_commands,
    embedded_commands,
    environment,
    lake_commands,
    perfdata_commands,
    report_commands,
    sla_commands,
    trend_commands,
)
from flows.display import Display
from flows.exit_code import ExitCode, gravest, of_error
from flows.options import (
    BaselineOption,
    ClientNode,
    ClusterName,
    Context,
    Embedded,
    FamilyOption,
    IfBusyOption,
    Json,
    Kubeconfig,
    LakeAddress,
    LeaseNamespace,
    Namespace,
    NodeSelector,
    PairBandwidth,
    PathOption,
    PlacementOption,
    ServerNode,
    TotalBandwidth,
    TotalBytes,
    require_one_cluster,
)
from flows.perfdata_commands import PerfDataFolder
from netcadence import __version__, document, scenario, tool_choice
from netcadence import sla as slas
from netcadence.adjustment import Adjustment
from netcadence.embedded import EmbeddedClusterError
from netcadence.errors import InvalidInputError, NetcadenceError
from netcadence.home import Home
from netcadence.kube import wire as wires
from netcadence.kube.lease import IfBusy
from netcadence.kube.wire import DEFAULT_NAMESPACE
from netcadence.report import plan_as_json, scenario_list

#: Paragraphs that begin with \b keep their lines.
_HELP = """Synchronized network benchmarks between pods of a Kubernetes cluster, judged and remembered.

\b
First contact, on a cluster that lasts as long as the command:
  netcadence run tcp-1:1 --embedded

\b
Own cluster:
  netcadence run tcp-1:1 udp-1:1 http-1:1 --context NAME

\b
Is its network fit for use?
  netcadence accept --context NAME

\b
Exit codes:
  0    PASS
  1    FAIL: a threshold was missed
  2    the command line or a file is not acceptable; nothing was done
  3    INVALID: the measurement does not hold
  4    INCONCLUSIVE
  5    the run ended without a verdict
  6    another run has the cluster, and --if-busy refuse was given
  7    N/A: the cluster does not offer what was to be measured
  130  stopped with Ctrl-C; what was measured is stored
"""

#: Below the list of scenarios.
_OTHER_WAYS = """
Each can be measured by another way: --path cluster-ip, node-port, dns,
load-balancer or host-network; --ip-family ipv6; --placement same-node.
Beside the nodes' own network, to say what pods cost: --baseline host-network"""

application = typer.Typer(
    name="netcadence",
    help=_HELP,
    add_completion=False,
    # Plain help: without boxes it has room for sentences in 80 columns, and can be copied.
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
application.add_typer(embedded_commands.application, name="embedded")
application.add_typer(trend_commands.application, name="trends")
application.add_typer(sla_commands.application, name="sla")


@application.command()
def run(
    names: Annotated[
        list[str],
        # Its list of arguments would show a Python type; the docstring says what a scenario is.
        typer.Argument(metavar="SCENARIO", hidden=True),
    ],
    *,
    embedded: Embedded = False,
    context: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Context of the kubeconfig; by default its current one."),
    ] = None,
    kubeconfig: Kubeconfig = None,
    cluster: ClusterName = None,
    namespace: Namespace = "",
    wire: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="Whose custom resource and worker image: netcadence, or clusterloader for ClusterLoader2's.",
        ),
    ] = "netcadence",
    if_busy: IfBusyOption = IfBusy.WAIT,
    lease_namespace: LeaseNamespace = DEFAULT_NAMESPACE,
    sla: Annotated[
        Path,
        typer.Option(
            metavar="FILE",
            help="Thresholds to judge by; by default expectations/default.yaml.",
            show_default=False,
        ),
    ] = environment.EXPECTATIONS,
    client_node: ClientNode = None,
    server_node: ServerNode = None,
    node_selector: NodeSelector = None,
    placement: PlacementOption = None,
    path: PathOption = None,
    ip_family: FamilyOption = None,
    baseline: BaselineOption = None,
    max_pair_bandwidth: PairBandwidth = None,
    max_total_bandwidth: TotalBandwidth = None,
    max_total_bytes: TotalBytes = None,
    lake: LakeAddress = None,
    run_id: Annotated[
        str | None,
        typer.Option(
            metavar="ID", help="Id of the run, which no run in the lake may have; by default made up."
        ),
    ] = None,
    perfdata: PerfDataFolder = None,
    as_json: Json = False,
) -> None:
    """Measure, judge and keep scenarios, one after another.

    SCENARIO is a name (see: netcadence scenarios) or the path of a YAML file.
    """
    require_one_cluster(embedded=embedded, context=context, kubeconfig=kubeconfig)
    if run_id and len(names) > 1:
        raise InvalidInputError(
            f"--run-id {run_id}: one id for {len(names)} scenarios; allowed: one scenario"
        )
    adjustment = _adjustment(
        client_node=client_node,
        server_node=server_node,
        node_selector=node_selector,
        placement=placement,
        path=path,
        ip_family=ip_family,
        baseline=baseline,
        max_pair_bits_per_s=max_pair_bandwidth,
        max_total_bits_per_s=max_total_bandwidth,
        max_total_bytes=max_total_bytes,
    )
    perfdata_commands.require_folder(perfdata)
    home = _home()
    _require_acceptable(names, adjustment, sla=sla, lake=lake or str(home.lake), run_id=run_id)
    _require_expressible(names, adjustment, wire=wire, namespace=namespace)
    # Prefect wants its home when it is imported, and makes no parents.
    home.prefect.mkdir(parents=True, exist_ok=True)
    console = Console(stderr=as_json)
    with Display(console, "netcadence") as display:
        display.step("loading")
        from flows.session import Session, Target  # noqa: PLC0415 - imports Prefect, which takes seconds
    session = Session(
        home=home,
        target=Target(
            embedded=embedded,
            context=context,
            kubeconfig=kubeconfig,
            cluster=cluster,
            namespace=namespace,
            wire=wire,
            if_busy=if_busy,
            lease_namespace=lease_namespace,
        ),
        sla=sla,
        lake=lake,
        console=console,
        adjustment=adjustment,
        perfdata=perfdata,
    )
    codes = session.run(names, run_id=run_id, as_json=as_json)
    raise typer.Exit(gravest(codes))


@application.command()
def plan(
    names: Annotated[list[str], typer.Argument(metavar="SCENARIO", hidden=True)],
    *,
    embedded: Annotated[
        bool, typer.Option("--embedded", help="Look at the cluster on this machine, if it is up.")
    ] = False,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
    namespace: Annotated[
        str, typer.Option(metavar="NAME", help="Namespace of the workers.", show_default=False)
    ] = "",
    client_node: ClientNode = None,
    server_node: ServerNode = None,
    node_selector: NodeSelector = None,
    placement: PlacementOption = None,
    path: PathOption = None,
    ip_family: FamilyOption = None,
    baseline: BaselineOption = None,
    max_pair_bandwidth: PairBandwidth = None,
    max_total_bandwidth: TotalBandwidth = None,
    max_total_bytes: TotalBytes = None,
    as_json: Json = False,
) -> None:
    """Show what a run would make and send, and make nothing.

    Where its workers would be, how much would go from node to node, and how long it would take.
    Where a cluster answers, its nodes are read; without one, the demand is shown. Exit code 2 says that a
    run would be refused.
    """
    adjustment = _adjustment(
        client_node=client_node,
        server_node=server_node,
        node_selector=node_selector,
        placement=placement,
        path=path,
        ip_family=ip_family,
        baseline=baseline,
        max_pair_bits_per_s=max_pair_bandwidth,
        max_total_bits_per_s=max_total_bandwidth,
        max_total_bytes=max_total_bytes,
    )
    chosen = [adjustment.of(scenario.find(name)) for name in names]

    from flows import planning  # noqa: PLC0415 - imports the Kubernetes client

    seen = planning.look(embedded=embedded, context=context, kubeconfig=kubeconfig)
    plans = planning.forecasts(chosen, seen, namespace=namespace)
    if as_json:
        _print_json([plan_as_json(each) | {"cluster": seen.cluster} for each in plans])
    else:
        planning.show(plans, seen, Console())
    raise typer.Exit(ExitCode.USAGE if any(each.refusals for each in plans) else ExitCode.PASS)


@application.command()
def scenarios(*, as_json: Json = False) -> None:
    """List the scenarios there are: what each is for, and which tool measures it, and why."""
    shipped = scenario.shipped()
    if as_json:
        _print_json([each.model_dump(mode="json") | {"why": tool_choice.why(each)} for each in shipped])
        return
    console = Console()
    console.print(scenario_list(shipped), highlight=False)
    console.print(_OTHER_WAYS, style="dim", highlight=False)


@application.command()
def results(
    *,
    lake: LakeAddress = None,
    name: Annotated[
        str | None, typer.Option("--scenario", metavar="NAME", help="Only this scenario.")
    ] = None,
    cluster: Annotated[str | None, typer.Option(metavar="NAME", help="Only this cluster.")] = None,
    last: Annotated[int, typer.Option(min=1, metavar="N", help="How many runs to show.")] = 20,
    perfdata: PerfDataFolder = None,
    as_json: Json = False,
) -> None:
    """Show the runs in the lake, newest last.

    What `import-perfdata` has kept is no run: it stands in the tables `results` and `summaries`, with the
    origin `perfdata`.
    """
    perfdata_commands.require_folder(perfdata)

    from flows import history  # noqa: PLC0415 - imports pandas

    address = lake or str(_home().lake)
    runs = history.runs(address, scenario=name, cluster=cluster, last=last)
    if as_json:
        _print_json(runs)
    else:
        history.show(runs, Console())
    if perfdata:
        perfdata_commands.export_runs([each["run_id"] for each in runs], address, perfdata)


application.command()(accept_commands.accept)
application.command()(report_commands.report)
application.command()(deploy_commands.deploy)
application.command("import-perfdata")(perfdata_commands.import_perfdata)
application.command("import")(perfdata_commands.import_files)
application.command()(lake_commands.compact)
application.command()(lake_commands.retention)
application.command()(lake_commands.sql)


@application.command()
def clean(
    *,
    embedded: Annotated[
        bool, typer.Option("--embedded", help="The cluster on this machine that is up.")
    ] = False,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
    namespace: Annotated[
        str,
        typer.Option(
            metavar="NAME", help="Namespace of the workers, by default netcadence.", show_default=False
        ),
    ] = "",
    wire: Annotated[str, typer.Option(metavar="NAME", help="netcadence or clusterloader.")] = "netcadence",
    lease_namespace: LeaseNamespace = DEFAULT_NAMESPACE,
    run_id: Annotated[str, typer.Option(metavar="ID", help="Only what this run has left.")] = "",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what is left, and remove nothing.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Remove what killed runs have left on a cluster.

    Nothing else is touched: a run that still lives is known by its lease, and keeps what it has made. Where a
    run was killed, it takes up to 45 s to be certain that it lives no longer. Exit code 5 says that something
    could not be removed.
    """
    from flows import cleaning  # noqa: PLC0415 - imports the Kubernetes client

    spoken = wires.find(wire)
    access = cleaning.connect(embedded=embedded, context=context, kubeconfig=kubeconfig)
    done = cleaning.clean(
        access,
        namespace=namespace,
        lease_namespace=lease_namespace,
        wire=spoken,
        run_id=run_id,
        dry_run=dry_run,
        console=Console(stderr=True),
    )
    if as_json:
        _print_json(cleaning.as_json(done, cluster=access.cluster, dry_run=dry_run))
    else:
        cleaning.show(done, Console(), cluster=access.cluster, dry_run=dry_run)
    raise typer.Exit(ExitCode.ERROR if done.remaining and not dry_run else ExitCode.PASS)


@application.command()
def stop() -> None:
    """Stop the worker and the Prefect server that a deployment or a run has left running."""
    from flows import server, worker  # noqa: PLC0415 - not needed for anything else here

    if worker.stop(_home()):
        print("Prefect worker stopped.")  # noqa: T201 - the command's output
    stopped = server.stop(_home())
    print("Prefect server stopped." if stopped else "No Prefect server of this home is running.")  # noqa: T201


def main() -> None:
    """Run the command and turn its outcome into an exit code."""
    sys.exit(outcome_of(lambda: application(standalone_mode=False)))


def outcome_of(command: Callable[[], Any]) -> int:
    """Run a command; errors become one clear text on stderr and their exit code."""
    try:
        code = int(command() or 0)
    except typer.TyperException as error:
        return _said(error, ExitCode.USAGE)
    except (NetcadenceError, EmbeddedClusterError) as error:
        return _said(error, of_error(error))
    except (KeyboardInterrupt, typer.Abort):
        return _said("interrupted", ExitCode.INTERRUPTED)
    except Exception:  # noqa: BLE001 - a defect of ours must not end with 1, which says FAIL
        traceback.print_exc()
        return ExitCode.ERROR
    if code == ExitCode.INTERRUPTED:  # what typer makes of Ctrl-C, without a word
        return _said("interrupted", ExitCode.INTERRUPTED)
    return code


def _adjustment(*, node_selector: list[str] | None, **others: object) -> Adjustment:
    labels = dict(each.partition("=")[::2] for each in node_selector or ())
    if bad := next((each for each in node_selector or () if "=" not in each), None):
        raise InvalidInputError(f"--node-selector {bad}: allowed: KEY=VALUE, such as pool=bench")
    return document.validated({"node_selector": labels, **others}, Adjustment, source="the command line")


def _require_acceptable(
    names: list[str], adjustment: Adjustment, *, sla: Path, lake: str, run_id: str | None
) -> None:
    """Refuse what is not acceptable before anything is made, or imported for seconds."""
    thresholds = slas.load(sla)
    for name in names:
        chosen = adjustment.of(scenario.find(name))
        chosen.require_within_limits()
        thresholds.requirements_for(chosen)

    from netcadence.lake import Lake  # noqa: PLC0415 - imports pyarrow

    keeper = Lake(lake)
    if run_id:
        keeper.require_new(run_id)


def _require_expressible(names: list[str], adjustment: Adjustment, *, wire: str, namespace: str) -> None:
    """Refuse what the chosen wire has no words for."""
    spoken = wires.find(wire)
    for name in names:
        chosen = adjustment.of(scenario.find(name))
        spoken.place(namespace, on_host=chosen.on_host)
        spoken.check(chosen)


def _said(error: object, code: ExitCode) -> ExitCode:
    # Only the formatted message names the option that has the bad value.
    text = error.format_message() if isinstance(error, typer.TyperException) else error
    Console(stderr=True, soft_wrap=True).print(
        f"netcadence: {text}", style="red", markup=False, highlight=False
    )
    return code


def _home() -> Home:
    return Home.beside(environment.CHECKOUT)


def _print_json(content: object) -> None:
    print(json.dumps(content, indent=2, default=str))  # noqa: T201 - the command's output


def _version(wanted: bool) -> None:  # noqa: FBT001 - typer's callback
    if wanted:
        print(f"netcadence {__version__}")  # noqa: T201 - the command's output
        raise typer.Exit


@application.callback(invoke_without_command=True)
def _root(
    invoked: typer.Context,
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    del version
    embedded_commands.require_command(invoked)
    environment.prepare(_home())
