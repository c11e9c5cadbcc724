"""Files that are written whole or not at all, whatever happens while they are written."""

from __future__ import annotations

import os
import secrets
import stat
from contextlib import suppress
from typing import Final

from nplusone_guard.exceptions import ConfigError

#: What a temporary file begins with; one is left behind only where the process was killed.
PREFIX: Final = ".nplusone-"

_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL


class Destination:
    """Where a text goes, known before there is any.

    A file is replaced in one step by one that is complete and on the disk: whoever reads
    it, and whoever finds it after a crash, has the old text or the new one. A link stays
    a link, and a file keeps its mode. A pipe or a device is written to as it is.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        #: As it was given, for messages.
        self.name = os.fspath(path)
        self.path = os.path.realpath(self.name)
        special = os.path.exists(self.path) and not os.path.isfile(self.path)
        # /dev/stdout may lead to a file, which belongs to whoever redirected the output.
        self.in_place = special or self.name.startswith("/dev/")

    def check(self) -> None:
        """Raise ``OSError`` if ``write`` would, as far as can be told now."""
        if self.in_place:
            with open(self._target(), "ab"):
                return
        temporary, file = self._temporary()
        os.close(file)
        os.unlink(temporary)

    def write(self, text: str) -> None:
        """Write ``text`` in UTF-8, its lines ended by a line feed. Raises ``OSError``."""
        content = text.encode("utf-8", "backslashreplace")
        if self.in_place:
            # Appended: standard output may be a file that something was written to.
            with open(self._target(), "ab") as stream:
                stream.write(content)
        else:
            self._replace(content)

    def _target(self) -> str:
        # The real path of a pipe on /dev/stdout cannot be opened.
        return self.name if self.name.startswith("/dev/") else self.path

    def _replace(self, content: bytes) -> None:
        temporary, file = self._temporary()
        try:
            with open(file, "wb") as stream:
                stream.write(content)
                stream.flush()
                os.fsync(stream.fileno())
            self._keep_mode(temporary)
            os.replace(temporary, self.path)
        except BaseException:
            with suppress(OSError):
                os.unlink(temporary)
            raise
        _sync_directory(os.path.dirname(self.path))

    def _temporary(self) -> tuple[str, int]:
        """A new file beside the real one, for only within one file system is a move one step."""
        name = f"{PREFIX}{secrets.token_hex(6)}.tmp"
        path = os.path.join(os.path.dirname(self.path), name)
        return path, os.open(path, _NEW, 0o666)  # less the umask, as open() would

    def _keep_mode(self, temporary: str) -> None:
        with suppress(OSError):
            os.chmod(temporary, stat.S_IMODE(os.stat(self.path).st_mode))


def _sync_directory(path: str) -> None:
    """Make the new name last, too, where a directory can be opened (not on Windows)."""
    with suppress(OSError):
        directory = os.open(path, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write ``text`` to ``path``, whole or not at all. Raises ``ConfigError``."""
    try:
        Destination(path).write(text)
    except OSError as error:
        raise ConfigError(f"{os.fspath(path)} cannot be written: {why(error)}") from error


def read_text(path: str | os.PathLike[str]) -> str:
    """The text of ``path``, which is UTF-8 with or without a mark. Raises ``ConfigError``."""
    try:
        with open(path, encoding="utf-8-sig") as stream:
            return stream.read()
    except OSError as error:
        raise ConfigError(f"{os.fspath(path)} cannot be read: {why(error)}") from error
    except UnicodeDecodeError as error:
        message = f"{os.fspath(path)} is not UTF-8: byte {error.start} cannot be read"
        raise ConfigError(message) from error


def why(error: OSError) -> str:
    """The system's reason, without the number and the name of a temporary file."""
    return error.strerror or str(error)
