"""Reading containers' logs: whole, from the end, while they grow, and when they grew too much."""

from __future__ import annotations

import asyncio

import pytest

from netcadence.embedded import log


def read(path, **options):
    async def collect():
        options.setdefault("still_written", lambda: False)
        pieces = log.read(path, **{"follow": False, "tail_lines": None, **options})
        return b"".join([piece async for piece in pieces])

    return asyncio.run(collect())


@pytest.mark.parametrize("text", [b"one\ntwo\nthree\n", b"one\ntwo\nthree", b"", b"\n\n", b"one"])
@pytest.mark.parametrize("lines", [0, 1, 2, 3, 9])
def test_the_tail_is_the_last_lines(tmp_path, text, lines):
    (tmp_path / "log").write_bytes(text)
    whole = text.splitlines(keepends=True)
    assert read(tmp_path / "log", tail_lines=lines) == b"".join(whole[len(whole) - min(lines, len(whole)) :])


def test_the_tail_of_a_large_log_is_found_from_its_end(tmp_path):
    lines = [b"line %d\n" % number for number in range(30_000)]
    (tmp_path / "log").write_bytes(b"".join(lines))
    assert read(tmp_path / "log", tail_lines=20_000) == b"".join(lines[-20_000:])


def test_following_ends_after_the_last_word_of_a_container_that_ended(tmp_path):
    path = tmp_path / "log"
    path.write_bytes(b"first\n")

    def still_written():
        with path.open("ab") as file:
            file.write(b"last\n")
        return False

    assert read(path, follow=True, still_written=still_written) == b"first\nlast\n"


def test_a_log_that_grew_too_large_keeps_its_newest_whole_lines(tmp_path):
    path = tmp_path / "log"
    lines = [b"%07d" % number + b"x" * 1_000 + b"\n" for number in range(11_000)]
    path.write_bytes(b"".join(lines))
    log.cut_short(path)
    kept = path.read_bytes()
    assert 4_000_000 < len(kept) < 6_000_000
    assert b"".join(lines).endswith(b"\n" + kept)


def test_a_termination_message_is_the_logs_end(tmp_path):
    (tmp_path / "log").write_text("".join(f"line {number}\n" for number in range(1_000)))
    words = log.tail_text(tmp_path / "log").splitlines()
    assert len(words) == 80
    assert words[-1] == "line 999"
