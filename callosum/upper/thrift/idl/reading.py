"""Files to a checked `Program`: `read` for a file, `read_text` for a text.

A file is parsed once for each content, by its real path: what was parsed is kept for the next time. Includes may go in
a circle, and files of the same name in different folders are different files.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

from callosum.errors import ConfigurationError
from callosum.upper.thrift.idl.checks import check
from callosum.upper.thrift.idl.faults import MOST_FAULTS, Fault, IdlError
from callosum.upper.thrift.idl.model import Document, Include, Position, Program
from callosum.upper.thrift.idl.parser import parse

Location = str | os.PathLike[str]

_START: Final = Position(1, 1)
_MOST_KEPT: Final = 1024
"""Parsed files that are kept; past it, all are forgotten."""
_kept: dict[tuple[str, Path], tuple[str, Document]] = {}
"""By the path that messages have and the real one: the content, and what was parsed."""


def read(path: Location, include_dirs: Iterable[Location] = ()) -> Program:
    """A .thrift file with all that it includes, checked.

    Args:
        path: The file. A relative path is one from the working directory.
        include_dirs: Where included files are looked for, in this order, if they are not beside the file that includes
            them.

    Raises:
        IdlError: Something is wrong with a file; it has all faults that were found, each with its place.
    """
    shown = os.fspath(path)
    reader = _Reader(include_dirs)
    root = reader.file(shown, Path(shown))
    return reader.program(root)


def read_text(text: str, *, path: str = "<string>", include_dirs: Iterable[Location] = ()) -> Program:
    """The same for a text.

    Args:
        text: What a .thrift file would have.
        path: What messages call it. Includes are looked for in its folder, too; it need not exist.
        include_dirs: As for `read`.

    Raises:
        IdlError: As `read`.
    """
    reader = _Reader(include_dirs)
    return reader.program(reader.text(text, path))


class _Reader:
    """One call of `read`: the files that were found, and their faults."""

    def __init__(self, include_dirs: Iterable[Location]) -> None:
        if isinstance(include_dirs, str | bytes | os.PathLike):
            raise ConfigurationError(f"include_dirs={include_dirs!r}: give a list of folders")
        self._folders = [os.fspath(one) for one in include_dirs]
        self._found: dict[Path, Document] = {}
        self._includes: dict[Document, Mapping[str, Document]] = {}
        self._faults: list[Fault] = []

    def program(self, root: Document) -> Program:
        """The files from a root on, checked."""
        documents = tuple(self._in_order(root))
        program = Program(root, documents, self._includes)
        if not self._faults:
            self._faults = check(program)
        if self._faults:
            places = {one.path: place for place, one in enumerate(documents)}
            self._faults.sort(key=lambda fault: (places.get(fault.path, -1), fault.position))
            raise IdlError(self._faults)
        return program

    def _in_order(self, root: Document) -> Iterator[Document]:
        """All files, each behind those that it includes."""
        seen = {root}
        open_ = [(root, iter(self._included(root)))]
        while open_:
            document, rest = open_[-1]
            child = next((one for one in rest if one not in seen), None)
            if child is None:
                open_.pop()
                yield document
            else:
                seen.add(child)
                open_.append((child, iter(self._included(child))))

    def _included(self, document: Document) -> list[Document]:
        found: dict[str, Document] = {}
        for one in document.includes:
            where = self._place_of(document, one)
            if where is None:
                self._fault(document, one.position, self._not_found(document, one))
                continue
            other = self.file(*where)
            if found.setdefault(one.prefix, other) is not other:
                what = f"{one.path!r} and another include are both reached as {one.prefix}: rename one of the files"
                self._fault(document, one.position, what)
        self._includes[document] = found
        return list(found.values())

    def _place_of(self, document: Document, include: Include) -> tuple[str, Path] | None:
        """The path of an included file for messages, and one by which it can be opened."""
        folder = os.path.dirname(document.path)  # noqa: PTH120 - pathlib would turn "" into "."
        beside = document.real_path.parent if document.real_path else Path(folder)
        for shown, place in ((folder, beside), *((one, Path(one)) for one in self._folders)):
            path = place / include.path
            if _is_file(path):
                return os.path.normpath(os.path.join(shown, include.path)), path  # noqa: PTH118
        return None

    def _not_found(self, document: Document, include: Include) -> str:
        folder = os.path.dirname(document.path) or "."  # noqa: PTH120
        places = ", ".join([folder, *self._folders])
        return f"the included file {include.path!r} is not there: looked for it in {places}"

    def _fault(self, document: Document, position: Position, message: str) -> None:
        if len(self._faults) < MOST_FAULTS:
            self._faults.append(Fault(document.path, position, message))

    def file(self, shown: str, path: Path) -> Document:
        """A file, parsed."""
        try:
            real = path.resolve()
            known = self._found.get(real)
            if known is not None:
                return known
            data = real.read_bytes()
        except (OSError, ValueError, RuntimeError) as error:
            raise IdlError([*self._faults, Fault(shown, _START, _unreadable(path, error))]) from error
        text = self._decoded(data, shown)
        kept, document = _kept.get((shown, real), ("", None))
        if document is None or kept != text:
            document = self.text(text, shown, real)
        self._found[real] = document
        return document

    def _decoded(self, data: bytes, shown: str) -> str:
        try:
            return data.decode()
        except UnicodeDecodeError as error:
            before = data[: error.start]
            column = len(before[before.rfind(b"\n") + 1 :].decode()) + 1
            place = Position(before.count(b"\n") + 1, column)
            what = f"the byte {data[error.start]:#04x} is not UTF-8: save the file as UTF-8"
            raise IdlError([*self._faults, Fault(shown, place, what)]) from error

    def text(self, text: str, shown: str, real: Path | None = None) -> Document:
        """A text, parsed; kept for the next time, if it is that of a file and has no faults."""
        document, faults = parse(text, shown, real)
        self._faults += faults
        if real is not None and not faults:
            if len(_kept) >= _MOST_KEPT:
                _kept.clear()
            _kept[shown, real] = (text, document)
        return document


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name that is too long for the file system
        return False


def _unreadable(path: Path, error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return f"the file does not exist: looked for it as {Path.cwd() / path}"
    if isinstance(error, IsADirectoryError):
        return "this is a folder: give a .thrift file"
    return f"the file cannot be read: {error}"
