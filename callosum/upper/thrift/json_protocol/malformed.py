"""What is wrong with a body, and where: the path is put together on the way out of what was being read."""

from __future__ import annotations

from typing import Final

from callosum.upper.thrift.fault import Fault

_SHOWN: Final = 24
_TEXTS: Final = frozenset({"string", "binary"})
_QUOTED: Final = ("'\"", '""')


class Malformed(Fault):
    """The input is wrong."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message
        self._parts: list[str] = []

    def within(self, part: str) -> Malformed:
        """Say what it is a part of: a field's name, or ``[3]``; "" is none."""
        if part:
            self._parts.append(part if part.startswith("[") else f".{part}")
        return self

    @property
    def path(self) -> str:
        """Where it is, as seen from the body."""
        return "".join(reversed(self._parts))


def shown(text: str, pos: int) -> str:
    """What stands at a position, as a message shows it."""
    part = text[pos : pos + _SHOWN].lstrip(" \t\n\r")
    if not part.strip():
        return "nothing" if pos + _SHOWN >= len(text) else "white space"
    return ascii(part) + ("..." if pos + _SHOWN < len(text) else "")


def expected(what: str, text: str, pos: int) -> Malformed:
    """The input goes on in another way than the protocol does."""
    if pos >= len(text):
        return Malformed(f"the input of {len(text)} characters ends in the middle of it: {what} is missing")
    return Malformed(f"the protocol has {what} here, and the input has {shown(text, pos)} at character {pos}")


def wrong(idl: str, text: str, pos: int) -> Malformed:
    """There is no value of the type that the IDL says."""
    if pos >= len(text):
        return expected(f"the {idl}", text, pos)
    found = shown(text, pos)
    why = " (it does not end, or has a wrong escape)" if idl in _TEXTS and found.startswith(_QUOTED) else ""
    return Malformed(f"the IDL says {idl}, and the input has {found}{why} at character {pos}")


def miscounted(said: int, found: int) -> Malformed:
    """A container has another size than it says."""
    return Malformed(f"its size is said to be {said}, and {found} are there")
