"""Prefect phones nobody: neither the server that is started here, nor the process of a flow."""

from __future__ import annotations

from pathlib import Path


def test_the_prefect_server_is_started_without_telemetry(prefect, shared_server, processes_of):
    del prefect
    pids = processes_of(shared_server.home.root)
    assert pids
    for pid in pids:
        told = dict(each.split("=", 1) for each in _environment_of(pid) if "=" in each)
        assert told["PREFECT_SERVER_ANALYTICS_ENABLED"] == "false"
        assert told["PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT"] == "false"
        assert told["DO_NOT_TRACK"] == "1"


def test_prefect_knows_in_a_flow_s_process_that_it_is_to_keep_quiet(home):
    del home
    from prefect.settings import get_current_settings  # noqa: PLC0415 - read as Prefect is imported

    settings = get_current_settings()
    assert settings.server.analytics_enabled is False
    assert settings.cloud.enable_orchestration_telemetry is False
    assert settings.telemetry.enable_resource_metrics is False


def test_an_idle_server_waits_between_two_looks_at_what_tasks_have_done(home):
    """Prefect cuts off the fraction of a second."""
    del home
    from prefect.settings import get_current_settings  # noqa: PLC0415 - read as Prefect is imported

    assert int(get_current_settings().server.services.task_run_recorder.flush_interval) >= 1


def _environment_of(pid):
    return Path(f"/proc/{pid}/environ").read_text().split("\0")
