"""When Prefect may try a task again: only after an error that says a retry may help.

A measurement is never repeated for having failed its SLA, and a step that changed the cluster is not
repeated by Prefect at all: `netcadence.kube.access` retries each call where that is honest.
"""

from __future__ import annotations

from typing import Any

from prefect.client.schemas.objects import State, TaskRun
from prefect.tasks import Task

from netcadence.errors import TransientError
from tasks.progress import listener


def if_transient(task: Task[..., Any], _run: TaskRun, state: State[Any]) -> bool:
    """Tell whether a failed task's error was one that passes, and whoever listens what it was."""
    try:
        state.result()
    except TransientError as error:
        listener().remark(f"{task.name} did not succeed and is tried again: {error}")
        return True
    except BaseException:  # noqa: BLE001 - whatever else it was, a retry does not help
        return False
    return False
