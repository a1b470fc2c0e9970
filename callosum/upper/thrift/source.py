"""Source text that is being written: lines, their indentation, and the objects that they name.

The encoder and the decoder of a struct are written as Python source and executed once. All that the text names comes
from here: names of an IDL enter it as attributes, parameters or keywords only, and never as text of their own.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


class Source:
    """Lines, and the namespace in which they will be executed."""

    def __init__(self, prefix: str = "") -> None:
        self.prefix = prefix
        """Before every name that is not the IDL's, so that they cannot meet."""
        self.namespace: dict[str, object] = {}
        self._names: dict[object, str] = {}
        self._lines: list[str] = []
        self._indent = 0
        self._count = 0

    def __call__(self, *lines: str) -> None:
        """Write lines."""
        self._lines += [f"{'    ' * self._indent}{line}" for line in lines]

    @contextmanager
    def block(self, head: str) -> Iterator[None]:
        """Write a line, and what is written inside one step deeper."""
        self(head)
        self._indent += 1
        yield
        self._indent -= 1

    def fresh(self, stem: str) -> str:
        """A name that nothing else has."""
        self._count += 1
        return f"{self.prefix}{stem}{self._count}"

    def constant(self, stem: str, value: object) -> str:
        """The name of an object in the text. The same object has the same name."""
        key: object = value if isinstance(value, bytes) else (stem, id(value))
        if key not in self._names:
            self._names[key] = self.fresh(stem)
            self.namespace[self._names[key]] = value
        return self._names[key]

    def packer(self, layout: str) -> str:
        """The name of the ``pack`` of a layout."""
        return self._method("pack", layout)

    def unpacker(self, layout: str) -> str:
        """The name of the ``unpack_from`` of a layout."""
        return self._method("unpack_from", layout)

    def _method(self, method: str, layout: str) -> str:
        key = (method, layout)
        if key not in self._names:
            self._names[key] = self.fresh(method)
            self.namespace[self._names[key]] = getattr(struct.Struct(f"!{layout}"), method)
        return self._names[key]

    def execute(self, filename: str) -> dict[str, Callable[..., Any]]:  # functions over values of any IDL type
        """Run the text: the functions that it defines, by name."""
        exec(compile("\n".join(self._lines), filename, "exec", dont_inherit=True), self.namespace)  # noqa: S102
        return {name: value for name, value in self.namespace.items() if callable(value)}

    def __str__(self) -> str:
        return "\n".join(self._lines)
