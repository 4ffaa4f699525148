"""Unpacking what a tool printed."""

from __future__ import annotations

import base64
import gzip
import json
import zlib

import pytest

from netcadence.lake.tool_output import ToolOutput, unpack
from netcadence_worker.contract import RawOutput


def raw(data):
    return RawOutput(data=base64.b64encode(data).decode())


def test_a_packed_output_is_unpacked():
    printed = {"argv": ["siege", "-V"], "stdout": "4.0.7\n", "stderr": "", "exit_code": 2}
    output = unpack(raw(gzip.compress(json.dumps(printed).encode())))
    assert output == ToolOutput(("siege", "-V"), "4.0.7\n", "", 2)


def test_half_a_surrogate_pair_becomes_a_question_mark():
    output = unpack(raw(gzip.compress(b'{"argv": [], "stdout": "a\\ud800b", "stderr": "", "exit_code": 0}')))
    assert output.stdout == "a?b"


@pytest.mark.parametrize(
    "data",
    [
        b"plain",
        gzip.compress(b"not json"),
        gzip.compress(b"[]"),
        gzip.compress(b'{"stdout": 3}'),
        gzip.compress(b'{"argv": [], "exit_code": 99999999999}'),
        gzip.compress(b"{}" * 50)[:-12],
        zlib.compress(b"{}"),
        gzip.compress(bytes(40_000_000)),
    ],
    ids=["plain", "text", "list", "number", "code", "cut", "zlib", "bomb"],
)
def test_what_cannot_be_unpacked_is_kept_as_it_came(data):
    packed = raw(data)
    assert unpack(packed) == ToolOutput(undecoded=packed.data)
