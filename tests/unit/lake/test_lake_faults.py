"""Storage that is full, forbidden, or no storage at all."""

from __future__ import annotations

import errno
import resource
import subprocess
from pathlib import Path

import pytest

from netcadence.errors import InvalidInputError, PermanentError, TransientError
from netcadence.lake import Lake, LakeError, LakeRefusedError
from netcadence.lake.errors import may_pass, storage_errors


@pytest.fixture
def small_disk(tmp_path):
    """A real file system of 64 KiB."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "netcadence-unit", str(folder)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("a file system cannot be mounted here; the file size limit is tested instead")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def files_below(folder):
    return [path for path in Path(folder).rglob("*") if path.is_file()]


def fill(folder):
    with pytest.raises(OSError, match="No space left"):
        (folder / "ballast").write_bytes(bytes(1024 * 1024))


def test_a_full_disk_is_a_clear_error_and_leaves_nothing_behind(small_disk, record):
    fill(small_disk)
    with pytest.raises(LakeRefusedError, match=r"could not write .*results.*No space left"):
        Lake(small_disk).write(record)
    assert files_below(small_disk) == [small_disk / "ballast"]


def test_a_disk_that_fills_half_way_lists_no_run(small_disk, make_record, judgement):
    lake = Lake(small_disk)
    with pytest.raises(LakeRefusedError, match="No space left"):
        lake.conclude(make_record(pairs=2000), judgement)
    assert lake.runs().empty
    assert not [path for path in files_below(small_disk) if path.name.startswith(".")]


def test_a_run_can_be_stored_once_there_is_room_again(small_disk, record, judgement):
    fill(small_disk)
    lake = Lake(small_disk)
    with pytest.raises(LakeError):
        lake.write(record)
    (small_disk / "ballast").unlink()
    assert lake.conclude(record, judgement).is_new
    assert len(lake.results()) == 23


def test_a_file_size_limit_is_a_clear_error_and_leaves_nothing_behind(lake, record):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(LakeRefusedError, match="could not write"):
            lake.write(record)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert files_below(lake.url) == []


@pytest.mark.parametrize("below", ["", "/lake"])
def test_a_folder_that_is_a_file_or_in_one_is_refused_at_once(tmp_path, below):
    (tmp_path / "file").touch()
    with pytest.raises(InvalidInputError, match=r"/file is a file; allowed: a folder, s3://… or gs://…"):
        Lake(f"{tmp_path}/file{below}")


def test_half_an_address_is_refused_and_not_taken_for_a_folder():
    with pytest.raises(InvalidInputError, match=r"lake s3:/bucket/lake: allowed: a folder, or an address"):
        Lake("s3:/bucket/lake")


def test_a_read_only_disk_is_refused(small_disk, record):
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    with pytest.raises(InvalidInputError, match=f"this user may not write in {small_disk}; name another"):
        Lake(small_disk / "lake").require_writable()
    with pytest.raises(LakeRefusedError, match="Read-only file system"):
        Lake(small_disk).write(record)


@pytest.mark.parametrize("url", ["ftp://host/lake", "nonsense://x", "s4://bucket/lake"])
def test_an_address_of_no_known_kind_is_refused_with_what_is_allowed(url):
    with pytest.raises(InvalidInputError, match=r"allowed: a local path, file://, s3://, gs:// or abfs://"):
        Lake(url)


def test_a_file_address_is_a_local_path(tmp_path, record):
    lake = Lake(f"file://{tmp_path}/lake")
    lake.write(record)
    assert len(Lake(tmp_path / "lake").results()) == 23


def test_an_error_never_shows_the_password_in_an_address():
    with pytest.raises(InvalidInputError) as caught:
        Lake("ftp://me:secret@host/lake?token=hidden")
    assert "ftp://host/lake" in str(caught.value)
    assert "secret" not in str(caught.value)
    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize(
    ("error", "passing"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), False),
        (OSError(errno.EACCES, "Permission denied"), False),
        (OSError(errno.EROFS, "Read-only file system"), False),
        (OSError(errno.ESTALE, "Stale file handle"), True),
        (OSError(errno.ECONNREFUSED, "Connection refused"), True),
        (OSError("AWS Error SLOW_DOWN during PutObject operation: HTTP response code: 503"), True),
        (OSError("AWS Error NETWORK_CONNECTION during ListObjectsV2 operation: curlCode: 7"), True),
        (OSError("AWS Error ACCESS_DENIED during PutObject operation: Access Denied"), False),
        (OSError("AWS Error NO_SUCH_BUCKET during PutObject operation: no such bucket"), False),
    ],
)
def test_a_retry_is_offered_only_where_it_may_help(error, passing):
    assert may_pass(error) is passing
    kind = TransientError if passing else PermanentError
    with pytest.raises(kind, match="could not do") as caught, storage_errors("could not do"):
        raise error
    assert isinstance(caught.value, LakeError)
    assert caught.value.__cause__ is error
