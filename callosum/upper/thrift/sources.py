"""The files of an interface, laid out so that whoever gets their texts can read them again.

Law: what a file includes stands beside it, or in the folder of the root, under the path that its include has. Real
paths are nobody else's business and do not appear.
"""

from __future__ import annotations

import posixpath
import sys
from collections.abc import Callable, Hashable, Iterable, Iterator
from types import ModuleType
from typing import Final, Generic, TypeVar

MAX_FILES: Final = 256
"""More are no interface that somebody wants to read."""
IDL_ATTRIBUTE: Final = "__thrift_idl__"
"""A module's: the text of its file."""
INCLUDES_ATTRIBUTE: Final = "__thrift_includes__"
"""A module's: the modules of what its file includes, by the paths that are written there."""

F = TypeVar("F", bound=Hashable)
Includes = Callable[[F], Iterable[tuple[str, F]]]
"""Of a file: each path that it includes, as it is written, and the file that this is."""


def sources_of(cls: type) -> dict[str, str]:
    """The texts of the file that defines a service class and of all that it includes, by path; its own is the last.

    Empty where the texts are not at hand, as those of a module that thriftpy2 loaded, or cannot be laid out.
    """
    module = sys.modules.get(cls.__module__)
    if module is None or vars(module).get(cls.__name__) is not cls:
        return {}
    places = lay_out(f"{_stem(module)}.thrift", module, _includes)
    texts = {path: _text(one) for path, one in places.items()}
    known = {path: text for path, text in texts.items() if text is not None}
    return known if len(known) == len(texts) else {}


def _text(module: ModuleType) -> str | None:
    text: object = getattr(module, IDL_ATTRIBUTE, None)
    return text if isinstance(text, str) else None


def _stem(module: ModuleType) -> str:
    """The name of a module's file, from its path where that is known."""
    path: object = getattr(module, "__thrift_file__", None)
    name = path.replace("\\", "/").rpartition("/")[2] if isinstance(path, str) else module.__name__.rpartition(".")[2]
    return name.removesuffix(".thrift")


def _includes(module: ModuleType) -> Iterator[tuple[str, ModuleType]]:
    included: object = getattr(module, INCLUDES_ATTRIBUTE, {})
    assert isinstance(included, dict), "what the emitter wrote"
    yield from included.items()


def lay_out(path: str, root: F, includes: Includes[F]) -> dict[str, F]:
    """Paths for a file and all that it includes, each behind those that it includes; empty where there are none.

    Args:
        path: The name of the root's file.
        root: The file.
        includes: What a file includes.
    """
    layout = _Layout(includes)
    if not layout.place(path, root) or not layout.is_sound():
        return {}
    depth = max(one.count("../") for one in layout.order)
    below = "idl/" * depth  # the root moves so far down that what it includes from above has a place
    return {posixpath.normpath(below + one): layout.places[one] for one in layout.order}


class _Layout(Generic[F]):
    """Where each file stands, as seen from the root's folder."""

    def __init__(self, includes: Includes[F]) -> None:
        self._includes = includes
        self._known: dict[F, list[tuple[str, F]]] = {}
        self.places: dict[str, F] = {}
        self.order: list[str] = []

    def includes(self, file: F) -> list[tuple[str, F]]:
        """What a file includes; asked once."""
        if file not in self._known:
            self._known[file] = list(self._includes(file))
        return self._known[file]

    def place(self, path: str, file: F) -> bool:
        """Put a file at a path, and what it includes beside it; whether there was room."""
        if path.startswith("/") or len(self.places) >= MAX_FILES:
            return False
        self.places[path] = file
        for written, included in self.includes(file):
            beside = _joined(path, written)
            if self.found(path, written) is not included and not (
                beside not in self.places and self.place(beside, included)
            ):
                return False
        self.order.append(path)
        return True

    def found(self, path: str, written: str) -> F | None:
        """The file that an include finds."""
        beside = self.places.get(_joined(path, written))
        return self.places.get(_joined("", written)) if beside is None else beside

    def is_sound(self) -> bool:
        """Whether each include finds its file: what was placed later may stand in its way."""
        return all(
            self.found(path, written) is included
            for path, file in self.places.items()
            for written, included in self.includes(file)
        )


def _joined(path: str, written: str) -> str:
    return posixpath.normpath(posixpath.join(posixpath.dirname(path), written.replace("\\", "/")))
