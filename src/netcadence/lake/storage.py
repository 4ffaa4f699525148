"""Where the files are: a folder, or a prefix in an object store, behind pyarrow's file systems."""

from __future__ import annotations

import logging
import os
import re
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final, TypeVar
from urllib.parse import urlsplit

import pyarrow as pa
from pyarrow import fs

from netcadence.errors import InvalidInputError
from netcadence.home import VARIABLE
from netcadence.lake.errors import LakeUnavailableError, storage_errors

_log = logging.getLogger(__name__)

#: So long a storage may be out of reach: an object store that is overloaded or restarted answers in minutes.
PATIENCE_S: Final = 180.0
_FIRST_PAUSE_S: Final = 0.2
_LONGEST_PAUSE_S: Final = 10.0
Made = TypeVar("Made")
#: Here a write shows at its end, whole or not at all, and a rename would be a copy.
_OBJECT_STORES: Final = frozenset({"s3", "gcs", "abfs"})
#: `s3:/bucket` would be a folder of that name.
_HALF_AN_ADDRESS: Final = re.compile(r"(s3|gs|gcs|abfs|file):")


class Storage:
    """Files below one address, by paths relative to it.

    Args:
        url: A local path, or an address that pyarrow knows, such as `s3://bucket/prefix` or `gs://bucket/prefix`.
        patience_s: How long what may pass is tried again, where the storage is not this machine's disk.

    Raises:
        InvalidInputError: The address is of no kind that pyarrow knows, or names a file.
        LakeError: It is, and the storage cannot be reached.
    """

    def __init__(self, url: str | Path, *, patience_s: float = PATIENCE_S) -> None:
        self._patience_s = patience_s
        text = str(url)
        if "://" in text:
            self.url = _without_secrets(text)
            self._filesystem, self._root = _remote(text, self.url)
        else:
            self._root = self.url = str(_folder(text))
            self._filesystem = fs.LocalFileSystem()

    def require_writable(self) -> None:
        """Make sure that a folder takes files, before minutes are spent on what would be in them.

        An object store only says so once it is written to.

        Raises:
            InvalidInputError: It does not.
        """
        if self._filesystem.type_name == "local" and not os.access(
            there := _that_is_there(Path(self._root)), os.W_OK | os.X_OK
        ):
            raise InvalidInputError(
                f"lake {self.url}: this user may not write in {there}; name another folder with --lake, "
                f"or for all that is kept with {VARIABLE}"
            )

    def url_of(self, path: str) -> str:
        return f"{self.url}/{path}"

    def exists(self, path: str) -> bool:
        return self._info(path).type is fs.FileType.File

    def holds(self, path: str, data: pa.Buffer) -> bool:
        """Tell whether a file is there with these very bytes."""
        info = self._info(path)
        return info.type is fs.FileType.File and info.size == data.size and self.read(path).equals(data)

    def read(self, path: str) -> pa.Buffer:
        def read() -> pa.Buffer:
            with self.opened(path) as stream:
                return stream.read_buffer()

        return self.patiently(f"could not read {self.url_of(path)}", read)

    def opened(self, path: str) -> pa.NativeFile:
        """Return a file to read from here and there; raises what the file system does."""
        return self._filesystem.open_input_file(self.absolute(path))

    def files(self, folder: str) -> list[str]:
        """Return all files below a folder, sorted, but for unfinished ones (`.` or `_` begins their name)."""
        below = fs.FileSelector(self.absolute(folder), allow_not_found=True, recursive=True)
        infos = self.patiently(
            f"could not list {self.url_of(folder)}", lambda: self._filesystem.get_file_info(below)
        )
        paths = (info.path[len(self._root) :].lstrip("/") for info in infos if info.type is fs.FileType.File)
        return sorted(path for path in paths if not any(part[0] in "._" for part in path.split("/")))

    def age_s(self, path: str) -> float | None:
        """Return how long ago a file was written; None where there is none."""
        info = self._info(path)
        return None if info.type is not fs.FileType.File else time.time() - info.mtime.timestamp()

    def delete(self, path: str) -> None:
        """Remove a file, and on a disk its folder once that is empty; what is gone already is no error."""

        def delete() -> None:
            with suppress(FileNotFoundError):
                self._filesystem.delete_file(self.absolute(path))

        self.patiently(f"could not remove {self.url_of(path)}", delete)
        if self._filesystem.type_name == "local":
            with suppress(OSError):  # it holds something again, or another has removed it
                Path(self.absolute(path)).parent.rmdir()

    def write(self, path: str, data: pa.Buffer) -> None:
        """Write a file so that a reader sees all of it or nothing, whatever happens meanwhile."""
        write = self._write if self._filesystem.type_name in _OBJECT_STORES else self._write_and_rename
        self.patiently(f"could not write {self.url_of(path)}", lambda: write(self.absolute(path), data))

    @property
    def filesystem(self) -> fs.FileSystem:
        return self._filesystem

    def absolute(self, path: str) -> str:
        """Return the path as the file system wants it."""
        return f"{self._root}/{path}"

    def _info(self, path: str) -> fs.FileInfo:
        return self.patiently(
            f"could not look at {self.url_of(path)}",
            lambda: self._filesystem.get_file_info(self.absolute(path)),
        )

    def patiently(self, doing: str, work: Callable[[], Made]) -> Made:
        """Do something with the storage, and again while it says that this may help.

        All that is done here can be done twice: a file's bytes are the same whenever it is written.

        Raises:
            LakeUnavailableError: It did not help for as long as patience lasts.
            LakeRefusedError: Something has to be changed first.
        """
        last = time.monotonic() + (0 if self._filesystem.type_name == "local" else self._patience_s)
        pause_s = _FIRST_PAUSE_S
        while True:
            try:
                with storage_errors(doing):
                    return work()
            except LakeUnavailableError as error:
                if time.monotonic() + pause_s > last:
                    raise
                _log.warning("%s; trying again in %.1f s", error, pause_s)
            time.sleep(pause_s)
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    def _write(self, path: str, data: pa.Buffer) -> None:
        with self._filesystem.open_output_stream(path) as stream:
            stream.write(data)

    def _write_and_rename(self, path: str, data: pa.Buffer) -> None:
        folder, name = path.rsplit("/", 1)
        temporary = f"{folder}/.{name}.{uuid.uuid4().hex}"
        try:
            self._filesystem.create_dir(folder, recursive=True)
            try:
                self._write(temporary, data)
            except FileNotFoundError:  # housekeeping has just removed the folder, which was empty
                self._filesystem.create_dir(folder, recursive=True)
                self._write(temporary, data)
            if self._filesystem.type_name == "local":
                _flush_to_disk(temporary)
            self._filesystem.move(temporary, path)
        except BaseException:
            with suppress(OSError):
                self._filesystem.delete_file(temporary)
            raise


def _flush_to_disk(path: str) -> None:
    # A renamed file whose bytes were still in memory is an empty file after a power cut.
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _folder(text: str) -> Path:
    """Return a local lake's folder, which need not be there yet."""
    if _HALF_AN_ADDRESS.match(text):
        raise InvalidInputError(f"lake {text}: allowed: a folder, or an address such as s3://bucket/prefix")
    folder = Path(text).expanduser().absolute()
    there = _that_is_there(folder)
    if not there.is_dir():
        raise InvalidInputError(f"lake {folder}: {there} is a file; allowed: a folder, s3://… or gs://…")
    return folder


def _that_is_there(path: Path) -> Path:
    return next(each for each in (path, *path.parents) if each.exists())


def _without_secrets(url: str) -> str:
    """Return an address as it may be shown: no user, no password, no parameters."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}{parts.path}".rstrip("/")


def _remote(url: str, shown: str) -> tuple[fs.FileSystem, str]:
    with storage_errors(f"could not reach {shown}"):
        try:
            filesystem, root = fs.FileSystem.from_uri(url)
        except pa.ArrowInvalid as error:
            known = "a local path, file://, s3://, gs:// or abfs://"
            raise InvalidInputError(f"lake {shown}: not an address of a lake; allowed: {known}") from error
    return filesystem, root.rstrip("/")
