"""Where the files are: a folder, or a prefix in an object store, behind pyarrow's file systems."""

from __future__ import annotations

import os
import time
import uuid
from contextlib import suppress
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import pyarrow as pa
from pyarrow import fs

from netcadence.errors import InvalidInputError
from netcadence.lake.errors import storage_errors

#: Here a write shows at its end, whole or not at all, and a rename would be a copy.
_OBJECT_STORES: Final = frozenset({"s3", "gcs", "abfs"})


class Storage:
    """Files below one address, by paths relative to it.

    Args:
        url: A local path, or an address that pyarrow knows, such as `s3://bucket/prefix` or `gs://bucket/prefix`.

    Raises:
        InvalidInputError: The address is of no kind that pyarrow knows.
        LakeError: It is, and the storage cannot be reached.
    """

    def __init__(self, url: str | Path) -> None:
        text = str(url)
        if "://" in text:
            self.url = _without_secrets(text)
            self._filesystem, self._root = _remote(text, self.url)
        else:
            self._root = self.url = str(Path(text).expanduser().absolute())
            self._filesystem = fs.LocalFileSystem()

    def url_of(self, path: str) -> str:
        return f"{self.url}/{path}"

    def exists(self, path: str) -> bool:
        return self._info(path).type is fs.FileType.File

    def holds(self, path: str, data: pa.Buffer) -> bool:
        """Tell whether a file is there with these very bytes."""
        info = self._info(path)
        return info.type is fs.FileType.File and info.size == data.size and self.read(path).equals(data)

    def read(self, path: str) -> pa.Buffer:
        with (
            storage_errors(f"could not read {self.url_of(path)}"),
            self._filesystem.open_input_file(self.absolute(path)) as stream,
        ):
            return stream.read_buffer()

    def opened(self, path: str) -> pa.NativeFile:
        """Return a file to read from here and there; raises what the file system does."""
        return self._filesystem.open_input_file(self.absolute(path))

    def files(self, folder: str) -> list[str]:
        """Return all files below a folder, sorted, but for unfinished ones (`.` or `_` begins their name)."""
        with storage_errors(f"could not list {self.url_of(folder)}"):
            infos = self._filesystem.get_file_info(
                fs.FileSelector(self.absolute(folder), allow_not_found=True, recursive=True)
            )
        paths = (info.path[len(self._root) :].lstrip("/") for info in infos if info.type is fs.FileType.File)
        return sorted(path for path in paths if not any(part[0] in "._" for part in path.split("/")))

    def age_s(self, path: str) -> float | None:
        """Return how long ago a file was written; None where there is none."""
        info = self._info(path)
        return None if info.type is not fs.FileType.File else time.time() - info.mtime.timestamp()

    def delete(self, path: str) -> None:
        """Remove a file, and on a disk its folder once that is empty; what is gone already is no error."""
        with storage_errors(f"could not remove {self.url_of(path)}"):
            try:
                self._filesystem.delete_file(self.absolute(path))
            except FileNotFoundError:
                return
            if self._filesystem.type_name == "local":
                with suppress(OSError):  # it holds something again, or another has removed it
                    Path(self.absolute(path)).parent.rmdir()

    def write(self, path: str, data: pa.Buffer) -> None:
        """Write a file so that a reader sees all of it or nothing, whatever happens meanwhile."""
        with storage_errors(f"could not write {self.url_of(path)}"):
            if self._filesystem.type_name in _OBJECT_STORES:
                self._write(self.absolute(path), data)
            else:
                self._write_and_rename(self.absolute(path), data)

    @property
    def filesystem(self) -> fs.FileSystem:
        return self._filesystem

    def absolute(self, path: str) -> str:
        """Return the path as the file system wants it."""
        return f"{self._root}/{path}"

    def _info(self, path: str) -> fs.FileInfo:
        with storage_errors(f"could not look at {self.url_of(path)}"):
            return self._filesystem.get_file_info(self.absolute(path))

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
