"""What a whole acceptance takes beside its traffic, phase by phase, on an embedded cluster on this machine.

Runs the shipped profile, or the one that the first argument names, at its own durations. Prints what each
measurement spends its time with, and the wall time beside its bound: 1.15 times the sum of the checks'
traffic times, and 30 s. Keeps all of it as JSON in `.netcadence/benchmarks/`.
"""

from __future__ import annotations

import json
import os
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from flows import environment, server
from netcadence.acceptance import profile as profiles
from netcadence.embedded import Cluster, Settings
from netcadence.home import Home

_SHARE, _FIXED_S = 1.15, 30.0
#: Phases that take less are not printed.
_SHOWN_S = 0.05


def main(profile: Path) -> None:
    home = Home.beside(environment.CHECKOUT)
    api = environment.prepare(home)
    server.start(api, home)
    server.wait(api, home)
    from flows.acceptance import acceptance
    from flows.embedded_commands import WORKER_IMAGE
    from flows.session import attended
    from netcadence.report import acceptance_as_json, summary

    settings = Settings(name=f"accept-{os.getpid()}", images=WORKER_IMAGE)
    with attended(), Cluster.up(settings) as cluster:
        begun = time.monotonic()
        state = acceptance(profile, kubeconfig=cluster.kubeconfig, cluster="benchmark", return_state=True)
        wall_s = time.monotonic() - begun
    done = state.result(raise_on_failure=False).acceptance
    for measured in done.measured:
        if measured.record is None:
            print(f"{measured.measurement.scenario.name}: {measured.error}")
            continue
        phases = {
            name: seconds for name, seconds in measured.record.facts.phases_s.items() if seconds >= _SHOWN_S
        }
        spent = ", ".join(f"{name} {seconds:.1f}" for name, seconds in phases.items())
        print(f"{measured.measurement.scenario.name:<24} {spent}")
    traffic_s = sum(measured.traffic_s for measured in done.measured)
    most_s = _SHARE * traffic_s + _FIXED_S
    print(", ".join(f"{name} {seconds:.1f} s" for name, seconds in done.phases_s.items()))
    print(f"{done.verdict}: {summary(done)}")
    print(f"wall {wall_s:.1f} s, traffic {traffic_s:.1f} s in all, side by side {done.traffic_s:.1f} s")
    word = "met" if wall_s <= most_s else "MISSED"
    print(f"bound {_SHARE} x traffic + {_FIXED_S:g} s = {most_s:.1f} s: {word}")
    folder = home.root / "benchmarks"
    folder.mkdir(parents=True, exist_ok=True)
    kept = folder / f"acceptance-{datetime.now(UTC):%Y%m%dT%H%M%S}.json"
    figures = {"wall_s": wall_s, "traffic_s": traffic_s, "most_s": most_s, "met": wall_s <= most_s}
    kept.write_text(json.dumps(figures | {"acceptance": acceptance_as_json(done)}, indent=2, default=str))
    print(f"\nkept in {kept}")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else profiles.DEFAULT)
