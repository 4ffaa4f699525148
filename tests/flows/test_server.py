"""Which Prefect server is used: the one that answers, unless it is not meant for this home."""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import subprocess
import sys
from unittest import mock

import pytest

from flows import environment, server
from flows.listener import Listener
from netcadence.home import Home

#: Answers what is asked of a server before it is used. Its arguments: a port, a version, a user's number.
STAND_IN = """
import encodings.idna, json, os, sys
from http.server import BaseHTTPRequestHandler, HTTPServer

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        answer = {"/api/health": True, "/api/admin/version": sys.argv[2]}[self.path]
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(answer).encode())

    def log_message(self, *_):
        pass

os.setuid(int(sys.argv[3]))
HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""
MINE = importlib.metadata.version("prefect")


@pytest.fixture(scope="module")
def answering(free_port, until):
    """Return what has something answer as a Prefect server of a version does; gives its address and pid."""
    with contextlib.ExitStack() as started:

        def answering(version=MINE, *, user=None, folder=None):
            port, user = free_port(), os.geteuid() if user is None else user
            words = (str(port), version, str(user), "prefect", "server")
            command = [sys.executable, "-c", STAND_IN, *words]
            process = started.enter_context(subprocess.Popen(command, cwd=folder, start_new_session=True))
            started.callback(process.kill)
            address = f"http://127.0.0.1:{port}/api"
            until(lambda: server.answers(address))
            return address, process.pid

        yield answering


@pytest.fixture
def home(tmp_path):
    home = Home(tmp_path / "home")
    home.prefect.mkdir(parents=True)
    return home


@pytest.fixture
def place(home):
    """Return what looks where the server of a home is to be, at an address that nobody has named."""

    def place(address, *, is_named=False):
        if not is_named:
            home.server_at.write_text(address)
        with mock.patch.dict(os.environ, {"PREFECT_API_URL": address}):
            found, why = server.place(address, home)
            # What this command has started is told of it, and so is the next command.
            assert os.environ["PREFECT_API_URL"] == found
            assert is_named or environment.usual(home) == found
        return found, why

    return place


def test_a_server_of_this_version_is_used_whoever_started_it(answering, place):
    address, _ = answering()
    assert place(address) == (address, "")


def test_beside_a_server_of_another_version_there_is_one_on_another_port(answering, place):
    address, pid = answering("2.20.1")
    found, why = place(address)
    assert found != address
    assert Listener.at(int(found.rpartition(":")[2].removesuffix("/api"))) is None
    assert f"(process {pid}) is left alone, for it is Prefect 2.20.1, and this is {MINE}." in why


def test_a_homes_own_server_that_is_of_another_version_is_ended_to_be_started_anew(answering, place, home):
    address, pid = answering("3.0.0")
    (home.prefect / "server.process").write_text(str(pid))
    found, why = place(address)
    assert found == address
    assert "is started anew, for it is Prefect 3.0.0" in why
    assert not server.answers(address)


def test_a_server_that_somebody_names_is_used_whatever_its_version_is(answering, place):
    address, _ = answering("2.20.1")
    assert place(address, is_named=True) == (address, "")


def test_a_server_whose_folder_was_deleted_is_not_used_and_named_it_is_refused(answering, place, tmp_path):
    """Even where there is a folder of that name again, for it has open what was deleted."""
    folder = tmp_path / "deleted"
    folder.mkdir()
    address, pid = answering(folder=folder)
    folder.rmdir()
    folder.mkdir()
    found, why = place(address)
    assert found != address
    assert "the folder in which it keeps its runs was deleted" in why
    with pytest.raises(server.ServerError, match=rf"\(process {pid}\) cannot be used, for .* Stop it"):
        place(address, is_named=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="a process of another user needs root")
def test_beside_a_server_of_another_user_there_is_one_on_another_port(answering, place):
    address, _ = answering(user=65534)
    found, why = place(address)
    assert found != address
    assert "it is another user's" in why
