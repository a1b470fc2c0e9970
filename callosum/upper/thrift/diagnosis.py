"""Why a decoder refused its input, and where.

Reads the input a second time, slowly, with every check spelled out, and makes no values. Runs only where the decoder
has found a fault; it follows the same rules, and what it cannot see is named as what is left. What differs among the
encodings that are made of the same parts is what a `Reader` of each fills in.
"""

from __future__ import annotations

import struct
from abc import ABC, abstractmethod
from typing import ClassVar, Final, NoReturn, TypeAlias

from callosum.errors import DecodeError
from callosum.upper.thrift.fault import MAX_COLLISIONS, Fault
from callosum.upper.thrift.footprint import RATIO, room
from callosum.upper.thrift.spec import (
    MAX_DEPTH,
    EnumType,
    FixedType,
    ListType,
    MapType,
    NumberType,
    SetType,
    Struct,
    StructType,
    TextType,
    Type,
    UuidType,
    struct_of,
)

Container: TypeAlias = ListType | SetType | MapType
_PADDING: Final = bytes(16)


def left_over(size: int, path: str) -> DecodeError:
    """The error for a body that goes on behind the end of the value."""
    return DecodeError(f"{size} bytes are left over behind the end of the value", path=path)


class _TooMuch(DecodeError):
    """A container is said to hold more than can be there, or than the whole input allows in memory."""


def _steps(size: int) -> int:
    """How many values are looked at: all in a short input; for a long one, the decoder has had most of the time."""
    return max(500, 2000 - size // 10) + size // 256


class _GivenUp(Exception):
    """The search has taken as long as it may."""


def decode_error(reader: Reader, root: Struct, path: str, left: int) -> DecodeError:
    """The error for a body that a decoder refused; ``left`` is what was left of its room: below zero, it was full."""
    size = len(reader.body)
    found: DecodeError | None = None
    try:
        reader.fields(root, path, 1)
        if behind := size - reader.pos:
            found = left_over(behind, path)
    except DecodeError as error:
        found = error
    except _GivenUp:
        found = DecodeError(f"the input of {size} bytes is malformed somewhere behind its first values", path=path)
    if left < 0 and not isinstance(found, _TooMuch):
        message = f"the value would take far more memory than the {size} bytes of input: {RATIO} times is allowed"
        return DecodeError(message, path=path)
    return found or DecodeError(
        f"a set or a map has more than {MAX_COLLISIONS} elements with the same hash: repeated, or chosen to take time",
        path=path,
    )


class Reader(ABC):
    """A position in the input. Every method moves it, or raises DecodeError."""

    slowness: ClassVar[int] = 1
    """Of so many values there may be in the place of one: of each, less is looked at."""

    def __init__(self, body: bytes) -> None:
        self.body = body
        self.padded = body + _PADDING  # as the functions need it that skip
        self.pos = 0
        self.room = room(len(body))
        self.steps = _steps(len(body)) // self.slowness

    # --- what the encoding says ---------------------------------------------------------------------------------------

    @abstractmethod
    def field(self, last: int, path: str) -> tuple[int, int] | None:
        """The type and the id of the field that follows the one with the id ``last``; None at the end of a struct."""

    @abstractmethod
    def skip(self, wire: int, depth: int) -> int:
        """The position behind a value of this type, of which nothing else is known. Raises as the decoders do."""

    @abstractmethod
    def name_of(self, wire: int) -> str | None:
        """The name of a type on the wire."""

    @abstractmethod
    def is_of(self, wire: int, kind: Type) -> bool:
        """Whether values of the type are of this type on the wire."""

    @abstractmethod
    def number(self, kind: FixedType, path: str) -> None:
        """A bool, an integer or a double, as an element."""

    @abstractmethod
    def length(self, path: str) -> int:
        """How long the text is that follows."""

    @abstractmethod
    def head(self, kind: Container, path: str) -> tuple[tuple[int, ...], int]:
        """The types of the elements, and how many there are. No types where the encoding leaves them out."""

    @abstractmethod
    def smallest(self, kind: Type) -> int:
        """The fewest bytes of an element."""

    @abstractmethod
    def weight(self, kind: Container) -> int:
        """The memory that each element takes at least."""

    def field_value(self, kind: Type, wire: int, path: str, depth: int) -> None:  # noqa: ARG002 - for those who need it
        """The value of a field of this type on the wire."""
        self.value(kind, path, depth)

    def pass_numbers(self, kinds: tuple[Type, ...], count: int) -> bool:  # noqa: ARG002 - for those who need it
        """Pass elements with which nothing can be wrong; False where there may be."""
        return False

    # --- what all have ------------------------------------------------------------------------------------------------

    def step(self) -> None:
        """Something more is looked at."""
        self.steps -= 1
        if self.steps < 0:
            raise _GivenUp

    def take(self, layout: str, path: str) -> tuple[int, ...]:
        """Read what has a fixed size."""
        size = struct.calcsize(f"!{layout}")
        if len(self.body) - self.pos < size:
            self.ends(path)
        values: tuple[int, ...] = struct.unpack_from(f"!{layout}", self.body, self.pos)
        self.pos += size
        return values

    def ends(self, path: str) -> NoReturn:
        """There is less input than it needs."""
        raise DecodeError(f"the input of {len(self.body)} bytes ends in the middle of it", path=path)

    def fields(self, root: Struct, path: str, depth: int) -> None:
        """A struct."""
        if depth > MAX_DEPTH:
            raise DecodeError(f"structs and containers are nested more than {MAX_DEPTH} deep", path=path)
        known = {field.id: field for field in root.fields}
        found: set[int] = set()
        last = 0
        while head := self.field(last, path):
            wire, last = head
            field = known.get(last)
            if field is None:
                self.unknown(wire, last, path, depth)
                continue
            place = f"{path}.{field.name}"
            self.expect(field.type, wire, place)
            self.field_value(field.type, wire, place, depth + 1)
            found.add(last)
        for field in root.fields:
            if field.is_required and field.id not in found:
                raise DecodeError("the field is required, and not there", path=f"{path}.{field.name}")
        if root.is_union and len(found) != 1:
            names = ", ".join(known[ident].name for ident in sorted(found)) or "none that this IDL knows"
            raise DecodeError(f"a union has exactly one field set, and {root.name} has {names}", path=path)

    def unknown(self, wire: int, ident: int, path: str, depth: int) -> None:
        """A field that this IDL does not have."""
        self.step()
        place = f"{path}.<unknown field {ident}>"
        try:
            pos = self.skip(wire, depth + 1)
        except (Fault, struct.error, IndexError):
            raise DecodeError(f"it cannot be skipped: it is of type {wire}, and malformed", path=place) from None
        if pos > len(self.body):
            self.ends(place)
        self.pos = pos

    def expect(self, kind: Type, wire: int, path: str) -> None:
        """The type on the wire is the schema's."""
        if not self.is_of(wire, kind):
            found = self.name_of(wire) or f"type {wire}"
            raise DecodeError(f"the IDL says {kind.text}, and the input says {found}", path=path)

    def value(self, kind: Type, path: str, depth: int) -> None:
        """A value."""
        self.step()
        match kind:
            case NumberType() | EnumType():
                self.number(kind, path)
            case TextType():
                self.text(kind, path)
            case UuidType():
                self.take("16s", path)
            case StructType():
                self.fields(struct_of(kind.cls), path, depth)
            case ListType():
                self.elements(kind, (kind.element,), path, depth)
            case SetType():
                if self.elements(kind, (kind.element,), path, depth):
                    check_hashable(kind.element, kind, path)
            case MapType():
                if self.elements(kind, (kind.key, kind.value), path, depth):
                    check_hashable(kind.key, kind, path)

    def text(self, kind: TextType, path: str) -> None:
        """A string or a binary."""
        size = self.length(path)
        left = len(self.body) - self.pos
        if size > left:
            raise DecodeError(f"its length is {size} bytes, and {left} are left", path=path)
        if not kind.is_binary:
            try:
                self.body[self.pos : self.pos + size].decode()
            except UnicodeDecodeError as error:
                raise DecodeError(f"the string is not UTF-8: {error}", path=path) from None
        self.pos += size

    def elements(self, kind: Container, kinds: tuple[Type, ...], path: str, depth: int) -> int:
        """The elements of a list or set, or the keys and values of a map. Returns how many there are."""
        parts = ("",) if len(kinds) == 1 else (".key", ".value")
        wires, count = self.head(kind, path)
        for one, wire, part in zip(kinds, wires, parts, strict=False):
            self.expect(one, wire, f"{path}{part}[]")
        left = len(self.body) - self.pos
        if count * sum(self.smallest(one) for one in kinds) > left:
            raise _TooMuch(f"it has {count} elements, and {left} bytes are left", path=path)
        if count * self.weight(kind) > self.room:
            what = "structs" if isinstance(kinds[-1], StructType) else "elements"
            message = f"its {count} {what} would take far more memory than the {len(self.body)} bytes of input"
            raise _TooMuch(message, path=path)
        if not self.pass_numbers(kinds, count):
            for index in range(count):
                for one, part in zip(kinds, parts, strict=True):
                    self.value(one, f"{path}{part}[{index}]", depth + 1)
        return count


def check_hashable(element: Type, kind: Type, path: str) -> None:
    """Whether Python can have the elements in a set, or as keys."""
    match element:
        case MapType():
            pass
        case ListType():
            check_hashable(element.element, kind, path)
            return
        case StructType() if getattr(element.cls, "__hash__", None) is None:
            pass
        case _:
            return
    raise DecodeError(
        f"{kind.text} cannot be a value in Python, where a {element.text} has no hash: "
        "use a list in the IDL, or give the class a __hash__",
        path=path,
    )
