"""Our pages beside Prefect's: served so that a browser can follow a link to them, and nothing else."""

from __future__ import annotations

import urllib.error
import urllib.request

import pytest

from flows import pages
from flows.background import Background, EndedError, LateError
from netcadence.home import Home


@pytest.fixture
def served(tmp_path, until):
    """A home with a report, Data Docs and a secret, whose pages are served."""
    home = Home(tmp_path)
    for file in (home.reports / "a run.html", home.docs / "run" / "index.html", home.prefect / "secret"):
        file.parent.mkdir(parents=True)
        file.write_text(f"this is {file.name}")
    pages.start(home)
    until(lambda: home.is_served)
    yield home
    pages.stop(home)


def answer_to(address, **headers):
    """Return what is answered: a status, and the text."""
    try:
        with urllib.request.urlopen(urllib.request.Request(address, headers=headers), timeout=10) as reply:  # noqa: S310 - ours
            return reply.status, reply.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, ""


def test_links_lead_to_reports_and_data_docs_and_to_nothing_else_of_a_home(served, tmp_path):
    report = (served.reports / "a run.html").as_uri()
    link = served.link(report)
    assert answer_to(link) == (200, "this is a run.html")
    assert answer_to(served.link((served.docs / "run").as_uri()) + "/") == (200, "this is index.html")
    assert link.endswith("/reports/a%20run.html")
    base = served.served_at.read_text()
    for path in (
        "prefect/secret",
        "reports/../prefect/secret",
        "reports/%2e%2e/prefect/secret",
        "",
        "reports/",
    ):
        assert answer_to(f"{base}/{path}")[0] == 404
    assert answer_to(link, Host="elsewhere.example") == (400, "")
    for other in ("s3://bucket/lake", (served.prefect / "secret").as_uri(), "", f"{tmp_path}"):
        assert served.link(other) == other
    assert pages.stop(served)
    assert served.link(report) == report


def test_pages_come_back_where_links_of_earlier_days_lead(served, until):
    before = served.served_at.read_text()
    pages.stop(served)
    pages.start(served)
    until(lambda: served.is_served)
    assert served.served_at.read_text() == before


def test_what_ends_at_its_start_or_does_not_come_up_says_so_with_its_last_words(tmp_path):
    home = Home(tmp_path)
    ended = Background(home, "ended", ("json.tool",), "The one")
    ended.start(("no such file",))
    with pytest.raises(
        EndedError, match=r"The one ended at its start\. Its log's last lines:\n(?s:.*)no such file"
    ):
        ended.wait(lambda: False, within_s=30)
    late = Background(home, "late", ("http.server",), "The other")
    late.start(("0", "--bind", "127.0.0.1"))
    try:
        with pytest.raises(LateError, match=r"The other was not up within 0 s\. Its log's last lines:"):
            late.wait(lambda: False, within_s=0)
    finally:
        assert late.stop()


CHILD = """
import pathlib, signal, sys, time

def end(*_):
    pathlib.Path("ended").touch()
    sys.exit()

signal.signal(signal.SIGTERM, end)
pathlib.Path("up").touch()
time.sleep(60)
"""


def test_what_goes_on_in_a_group_of_its_own_is_ended_in_order(tmp_path, until):
    home = Home(tmp_path)
    home.prefect.mkdir(parents=True)
    start = f"subprocess.run([sys.executable, '-c', {CHILD!r}], start_new_session=True)"
    (home.prefect / "parent.py").write_text(f"import subprocess, sys\n{start}\n")
    parent = Background(home, "parent", ("parent",), "The parent")
    parent.start(())
    until((home.prefect / "up").exists)
    parent.end_children(within_s=30)
    assert (home.prefect / "ended").exists()
    parent.stop()
