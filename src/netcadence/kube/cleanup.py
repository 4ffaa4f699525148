"""Removing what a run made: deleting what owns the rest takes the rest with it."""

from __future__ import annotations

import time
from typing import Final

from netcadence.kube.follow import Change, follow
from netcadence.kube.resource import DEPLOYMENT, POD, RUN
from netcadence.kube.run import Run

_GONE_WITHIN_S: Final = 60.0


def clean_up(run: Run, *, timeout_s: float = _GONE_WITHIN_S) -> bool:
    """Delete a run's workers, requests and its own object; harmless where they are gone already.

    The Deployments go first and by name, so that workers are told to stop without waiting for the garbage
    collector. Only those with the run's label do: another run's may bear the same name.

    Returns:
        Whether the last worker pod was gone within `timeout_s`; the cluster finishes the rest by itself.
    """
    for deployment in run.access.list(DEPLOYMENT, run.namespace, selector=run.selector)[0]:
        run.access.delete(DEPLOYMENT, deployment["metadata"]["name"], run.namespace)
    if RUN in run.wire.resources:
        run.access.delete(RUN, run.run_id, run.namespace)
    return _wait_gone(run, timeout_s)


def _wait_gone(run: Run, timeout_s: float) -> bool:
    pods, _ = run.access.list(POD, run.namespace, selector=run.selector)
    left = {pod["metadata"]["name"] for pod in pods}
    if not left:
        return True
    deadline = time.monotonic() + timeout_s
    for notice in follow(
        run.access, POD, run.namespace, selector=run.selector, known=pods, deadline=deadline
    ):
        if notice.change is Change.GONE:
            left.discard(notice.name)
        else:
            left.add(notice.name)
        if not left:
            return True
    return False
