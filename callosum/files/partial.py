"""The file beside the target in which a content is collected, until it is whole and gets the target's name.

Laws: whatever has the final name is whole, and is on the disk. One receiver at a time has the partial file: it is
locked. What is in it when nobody has it is the beginning of a content, or damaged, which the checksum tells.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from callosum.files.checksum import new_checksum
from callosum.files.envelope import Buffer, Head, Tail
from callosum.files.errors import Corrupted, SourceChanged, TargetBusy, WrongOffset

SUFFIX: Final = ".partial"
_FLAGS: Final = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
_PIECE: Final = 1024 * 1024
_VECTOR: Final = 512
"""Buffers that are written at one go: fewer than any system takes."""


def partial_of(path: str | os.PathLike[str]) -> Path:
    """Where the content of a target is collected."""
    path = Path(path)
    return path.with_name(path.name + SUFFIX)


def size_of(path: Path) -> int:
    """Bytes that are in the partial file of a target; 0 where there is none. Blocks."""
    try:
        return partial_of(path).stat().st_size
    except FileNotFoundError:
        return 0


def remove(path: Path) -> None:
    """Remove the partial file of a target, where there is one. Blocks."""
    partial_of(path).unlink(missing_ok=True)


class PartialFile:
    """The partial file of one transfer. All of it blocks."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._partial = partial_of(path)
        self._descriptor = -1
        self.checksum = new_checksum()

    def begin(self, head: Head) -> None:
        """Open and lock it; what the sender does not send has to be here.

        Raises:
            TargetBusy: Another process has it.
            WrongOffset: Less is here.
            SourceChanged: Something else is here.
            OSError: It cannot be opened, or read.
        """
        self._open()
        self._read(head.offset)
        if self.checksum.digest() != head.digest:
            raise SourceChanged(
                f"the first {head.offset} bytes of the source are not what {self._partial} had: the source was changed,"
                " or the file was damaged. Begin again, at 0"
            )
        os.ftruncate(self._descriptor, head.offset)

    def write(self, pieces: Sequence[Buffer]) -> None:
        """Append, in order."""
        for start in range(0, len(pieces), _VECTOR):
            self._write_all(pieces[start : start + _VECTOR])

    def finish(self, tail: Tail) -> None:
        """All was written: it gets the final name.

        Raises:
            Corrupted: It is not what was sent.
            OSError: The disk does not take it.
        """
        if self.checksum.digest() != tail.digest:
            raise Corrupted(f"what has arrived for {self._path} is not what was sent: the checksums differ")
        os.fsync(self._descriptor)
        self._partial.replace(self._path)
        _sync_folder(self._path.parent)

    def drop(self) -> None:
        """What is here is of no use."""
        self._partial.unlink(missing_ok=True)

    def close(self, rest: Sequence[Buffer]) -> None:
        """Close it, after what is left to be written."""
        if self._descriptor < 0:
            return
        try:
            self.write(rest)
        finally:
            os.close(self._descriptor)
            self._descriptor = -1

    def _open(self) -> None:
        while True:
            self._descriptor = os.open(self._partial, _FLAGS, 0o666)
            try:
                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise TargetBusy(f"{self._partial} is being received by another process") from None
            if self._is_still_there():
                return
            os.close(self._descriptor)
            self._descriptor = -1

    def _is_still_there(self) -> bool:
        """Whether the one before has given it the final name, or removed it, between opening and locking."""
        with contextlib.suppress(FileNotFoundError):
            return os.path.samestat(os.fstat(self._descriptor), self._partial.lstat())
        return False

    def _read(self, size: int) -> None:
        left = size
        while left:
            piece = os.read(self._descriptor, min(left, _PIECE))
            if not piece:
                raise WrongOffset(
                    f"the sender begins at {size}, and {self._partial} has {size - left} bytes: give the sender what"
                    " callosum.files.offset_of() says"
                )
            self.checksum.update(piece)
            left -= len(piece)

    def _write_all(self, pieces: Sequence[Buffer]) -> None:
        written = os.writev(self._descriptor, pieces)
        for piece in pieces:
            self.checksum.update(piece)
            if written >= len(piece):
                written -= len(piece)
                continue
            rest = memoryview(piece)[written:]
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
            written = 0


def _sync_folder(folder: Path) -> None:
    """The new name is on the disk, too."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
