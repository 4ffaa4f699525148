"""The command `netcadence`.

Prefect, pandas and the rest are imported where a command needs them, so that help and refusals are instant.
"""

from __future__ import annotations

import io
import sys
import traceback
from collections.abc import Callable
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
    run_commands,
    sla_commands,
    trend_commands,
)
from flows.exit_code import ExitCode, of_error
from flows.options import (
    Context,
    Json,
    Kubeconfig,
    LakeAddress,
    LeaseNamespace,
)
from flows.output import print_json
from flows.perfdata_commands import PerfDataFolder
from netcadence import __version__, scenario, tool_choice
from netcadence.embedded import EmbeddedClusterError
from netcadence.errors import NetcadenceError
from netcadence.kube import wire as wires
from netcadence.kube.wire import DEFAULT_NAMESPACE
from netcadence.report import scenario_list

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
    context_settings={"help_option_names": ["-h", "--help"]},
)
application.add_typer(embedded_commands.application, name="embedded")
application.add_typer(trend_commands.application, name="trends")
application.add_typer(sla_commands.application, name="sla")
application.command()(run_commands.run)
application.command()(run_commands.plan)


@application.command()
def scenarios(*, as_json: Json = False) -> None:
    """List the scenarios there are: what each is for, and which tool measures it, and why."""
    shipped = scenario.shipped()
    if as_json:
        print_json([each.model_dump(mode="json") | {"why": tool_choice.why(each)} for each in shipped])
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
    from netcadence.lake import Lake  # noqa: PLC0415 - likewise

    address = environment.lake(lake)
    runs = history.runs(address, scenario=name, cluster=cluster, last=last)
    if as_json:
        print_json(runs)
    elif runs:
        history.show(runs, Console())
    else:
        said = history.none_of(Lake(address), scenario=name, cluster=cluster)
        Console(soft_wrap=True).print(said, markup=False, highlight=False)
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
        print_json(cleaning.as_json(done, cluster=access.cluster, dry_run=dry_run))
    else:
        cleaning.show(done, Console(), cluster=access.cluster, dry_run=dry_run)
    raise typer.Exit(ExitCode.ERROR if done.remaining and not dry_run else ExitCode.PASS)


@application.command()
def stop() -> None:
    """Stop the worker and the Prefect server that a deployment or a run has left running."""
    from flows import server, worker  # noqa: PLC0415 - not needed for anything else here

    if worker.stop(environment.home()):
        print("Prefect worker stopped.")  # noqa: T201 - the command's output
    stopped = server.stop(environment.home())
    print("Prefect server stopped." if stopped else "No Prefect server of this home is running.")  # noqa: T201


def main() -> None:
    """Run the command and turn its outcome into an exit code."""
    for stream in (sys.stdout, sys.stderr):
        # Where the locale has no sign such as "≥", a question mark in its place is better than no table.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
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


def _said(error: object, code: ExitCode) -> ExitCode:
    # Only the formatted message names the option that has the bad value; what kind of error that was is ours.
    text = (
        error.format_message().replace(": Value error, ", ": ")
        if isinstance(error, typer.TyperException)
        else error
    )
    Console(stderr=True, soft_wrap=True).print(
        f"netcadence: {text}", style="red", markup=False, highlight=False
    )
    return code


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
    environment.prepare(environment.home())
