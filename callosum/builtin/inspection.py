"""Asks a peer for the interfaces that it serves.

Law: what arrives is a stranger's. It is bounded, its paths lead nowhere but below the folder where they are written,
and texts for people have no characters that a terminal would obey.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from callosum.builtin.reflection import Description, Reflection, ReflectionStub, ServiceInfo
from callosum.errors import DecodeError, Outcome, Unimplemented
from callosum.peer import Peer

MAX_SERVICES: Final = 10_000
MAX_FILES: Final = 1000
MAX_TEXT: Final = 16 * 1024 * 1024
"""Characters of all files together, and of a text for people."""
MAX_PATH: Final = 255
_FORBIDDEN: Final = frozenset('\\:*?"<>|')
"""What has a meaning in paths of some system."""


@dataclass(frozen=True, slots=True)
class Served:
    """A service that a peer serves."""

    name: str
    fingerprint: str
    codecs: tuple[str, ...]
    doc: str


@dataclass(frozen=True, slots=True)
class Interface:
    """What a peer says about the interface of a service."""

    service: Served
    files: Mapping[str, str]
    """Text by path, each file behind those that it includes; the last one defines the service. What a file includes is
    beside it, or in the folder of the last one. Empty where the interface has no files. The texts are as they came."""
    text: str
    """The service for people: a line for each method."""

    def save(self, folder: Path) -> Path:
        """Write the files below a folder, and give the path of the one that defines the service.

        Raises:
            ValueError: There are no files.
            OSError: They cannot be written.
        """
        if not self.files:
            raise ValueError(f"the interface of {self.service.name} has no files")
        where = folder
        for path, text in self.files.items():
            where = folder.joinpath(*path.split("/"))
            where.parent.mkdir(parents=True, exist_ok=True)
            where.write_text(text, encoding="utf-8", newline="")
        return where


async def list_services(peer: Peer) -> tuple[Served, ...]:
    """The services that a peer serves. Cancellation: safe.

    Raises:
        Unimplemented: It does not tell: it listens without ``reflection=True``.
        DecodeError: What it tells cannot be.
        RpcError, TransportError: The call failed.
    """
    try:
        found = await _stub(peer).services()
    except Unimplemented as error:
        raise _untold(error) from error
    if len(found) > MAX_SERVICES:
        raise _lie("services", f"{len(found)} services; the bound is {MAX_SERVICES}")
    return tuple(_served(one) for one in found)


async def read_interface(peer: Peer, service: str) -> Interface:
    """The interface of a service that a peer serves. Cancellation: safe.

    Args:
        peer: Whom to ask.
        service: The service's name on the wire.

    Raises:
        callosum.builtin.reflection.NoSuchService: The peer does not serve it.
        Unimplemented: It does not tell: it listens without ``reflection=True``.
        DecodeError: What it tells cannot be.
        RpcError, TransportError: The call failed.
    """
    try:
        told = await _stub(peer).describe(service)
    except Unimplemented as error:
        raise _untold(error) from error
    return Interface(_served(told.info), _files(told), _printable(told.text))


def _stub(peer: Peer) -> ReflectionStub:
    return peer.stub(Reflection)


def _untold(error: Unimplemented) -> Unimplemented:
    return Unimplemented(
        "the other side does not tell what it serves: it has to listen with reflection=True", outcome=error.outcome
    )


def _lie(place: str, text: str) -> DecodeError:
    return DecodeError(text, path=f"callosum.Reflection.{place}", outcome=Outcome.EXECUTED)


def _served(info: ServiceInfo) -> Served:
    return Served(
        _printable(info.name),
        _printable(info.fingerprint),
        tuple(_printable(codec) for codec in info.codecs),
        _printable(info.doc),
    )


def _files(told: Description) -> dict[str, str]:
    if len(told.files) > MAX_FILES:
        raise _lie("describe", f"{len(told.files)} files; the bound is {MAX_FILES}")
    size = sum(len(one.text) for one in told.files)
    if size > MAX_TEXT:
        raise _lie("describe", f"{size} characters in files; the bound is {MAX_TEXT}")
    files: dict[str, str] = {}
    taken: dict[str, str] = {}
    for one in told.files:
        _check_path(one.path)
        _take(one.path, taken)
        files[one.path] = one.text
    return files


def _check_path(path: str) -> None:
    is_legible = path.isprintable() and not _FORBIDDEN & set(path)
    parts = path.split("/")
    if not is_legible or not 0 < len(path) <= MAX_PATH or any(part.strip(" .") == "" for part in parts):
        raise _lie("describe", f"the path {path[:100]!r}: the files of an interface have short relative paths")


def _take(path: str, taken: dict[str, str]) -> None:
    """Each path, and each folder, once: also where a file system takes upper and lower case for the same."""
    folded = path.casefold()
    folders = [folded[:at] for at, letter in enumerate(folded) if letter == "/"]
    if folded in taken or any(taken.get(folder) == "file" for folder in folders):
        raise _lie("describe", f"two files would be at {path!r}")
    taken |= dict.fromkeys(folders, "folder")
    taken[folded] = "file"


def _printable(text: str) -> str:
    """Without what a terminal would obey."""
    if len(text) > MAX_TEXT:
        raise _lie("describe", f"{len(text)} characters; the bound is {MAX_TEXT}")
    return "".join(one if one.isprintable() or one in "\n\t" else "\N{REPLACEMENT CHARACTER}" for one in text)
