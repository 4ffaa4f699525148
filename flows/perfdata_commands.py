"""ClusterLoader2's PerfData files: `--perfdata DIR` of `run` and `results`, and `import-perfdata`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from flows import environment
from flows.options import LakeAddress
from netcadence import perfdata
from netcadence.errors import InvalidInputError
from netcadence.perfdata import Measured, NotExportableError
from netcadence.words import counted

PerfDataFolder = Annotated[
    Path | None,
    typer.Option(
        "--perfdata", metavar="DIR", help="Also write the results into DIR as ClusterLoader2's PerfData JSON."
    ),
]


def require_folder(folder: Path | None) -> None:
    """Refuse what cannot be a folder before anything is measured.

    Raises:
        InvalidInputError: There is something else at that path.
    """
    if folder is None:
        return
    found = next(each for each in (folder, *folder.absolute().parents) if each.exists())
    if not found.is_dir():
        raise InvalidInputError(
            f"--perfdata {folder}: {found} is not a folder; allowed: a folder, or a new one"
        )


def export(run: Measured, folder: Path, console: Console) -> None:
    """Write a run's files, each whole or not at all, and say which; or say why there are none.

    Raises:
        LakeError: The folder could not be written.
    """
    import pyarrow as pa  # noqa: PLC0415 - slow to import, and help has to be instant

    from netcadence.lake.storage import Storage  # noqa: PLC0415 - likewise

    storage = Storage(folder)
    try:
        documents = perfdata.export(run)
    except NotExportableError as error:
        console.print(Text(str(error), style="yellow"), soft_wrap=True)
        return
    for each in documents:
        storage.write(each.name, pa.py_buffer(each.text.encode()))
        console.print(Text(f"perfdata  {storage.url_of(each.name)}"), soft_wrap=True)


def export_runs(run_ids: list[str], lake: str, folder: Path) -> None:
    """Write the files of runs that are in the lake; what is said goes to stderr.

    Raises:
        LakeError: The lake could not be read, or the folder not be written.
    """
    from netcadence.lake import Lake  # noqa: PLC0415 - imports pyarrow

    keeper, console = Lake(lake), Console(stderr=True)
    for run_id in run_ids:
        run = keeper.runs(run_id=run_id).iloc[0]
        export(Measured.of_rows(run, keeper.results(run_id=run_id)), folder, console)


def import_perfdata(
    files: Annotated[list[Path], typer.Argument(metavar="FILE", hidden=True)],
    *,
    cluster: Annotated[
        str, typer.Option(metavar="NAME", help="Where it was measured, which the files do not say.")
    ] = "unknown",
    lake: Annotated[
        str | None,
        typer.Option(metavar="URL", help="The lake; by default .netcadence/lake in the checkout."),
    ] = None,
) -> None:
    """Keep ClusterLoader2's PerfData files in the lake.

    FILE is one that it has written: NetworkPerformanceMetrics_…json. The value of one pair becomes a row of
    `results`, percentiles over many become rows of `summaries`, both with the origin `perfdata`. Nothing is
    kept if one of the files is refused; a file that is there already changes nothing.
    """
    found = [perfdata.read(file, cluster=cluster) for file in files]

    from netcadence.lake import Lake  # noqa: PLC0415 - imports pyarrow

    keeper = Lake(environment.lake(lake))
    console = Console()
    for run in found:
        kept = keeper.keep_foreign(run)
        what = counted(len(run.figures), "figure")
        said = f"imported {what}" if kept.is_new else "there already"
        console.print(Text(f"{run.source}: {said}, run {run.run_id}"), soft_wrap=True)


def import_files(
    files: Annotated[list[Path], typer.Argument(metavar="FILE", hidden=True)],
    *,
    cluster: Annotated[
        str, typer.Option(metavar="NAME", help="Where it was measured, which the files do not say.")
    ] = "unknown",
    lake: LakeAddress = None,
) -> None:
    """Keep what others have measured in the lake.

    FILE is ClusterLoader2's PerfData, k8s-netperf's JSON or result-….csv, what a client's iperf3 -J or fortio
    load -json printed, or knb's JSON; which of them, it says itself. Its figures become rows of `results` (or
    `summaries`) with the format as their origin. They are never judged. Nothing is kept if one of the files
    is refused; what is there already changes nothing.
    """
    from netcadence import imports  # noqa: PLC0415 - needed here only

    found = [(file, imports.read(file, cluster=cluster)) for file in files]

    from netcadence.lake import Lake  # noqa: PLC0415 - imports pyarrow

    keeper = Lake(environment.lake(lake))
    console = Console()
    for file, runs in found:
        new = [run for run in runs if keeper.keep_foreign(run).is_new]
        figures = counted(sum(len(run.figures) for run in new), "figure")
        said = f"imported {figures} of {counted(len(new), 'test')}" if new else "there already"
        console.print(Text(f"{file.name} ({runs[0].origin}): {said}"), soft_wrap=True)
