"""Why the decoder of the binary protocol refused its input: the parts that `callosum.upper.thrift.diagnosis` needs."""

from __future__ import annotations

from typing import Final

from callosum.errors import DecodeError
from callosum.upper.thrift import diagnosis
from callosum.upper.thrift.binary.layout import smallest
from callosum.upper.thrift.binary.skipping import skip
from callosum.upper.thrift.footprint import per_element
from callosum.upper.thrift.spec import BOOL, EnumType, FixedType, MapType, NumberType, Struct, Type, Wire

_NAMES: Final[dict[int, str]] = {int(wire): "byte" if wire is Wire.I8 else wire.name.lower() for wire in Wire}


def decode_error(root: Struct, body: bytes, path: str, left: int) -> DecodeError:
    """The error for a body that a decoder refused; ``left`` is what was left of its room: below zero, it was full."""
    return diagnosis.decode_error(Reader(body), root, path, left)


class Reader(diagnosis.Reader):
    """A position in the input."""

    def field(self, last: int, path: str) -> tuple[int, int] | None:  # noqa: ARG002 - ids are absolute here
        """The type and the id of the next field; None at the end of a struct."""
        wire = self.take("B", path)[0]
        return (wire, self.take("h", path)[0]) if wire else None

    def skip(self, wire: int, depth: int) -> int:
        """The position behind a value of this type."""
        return skip(self.padded, self.pos, wire, depth)

    def name_of(self, wire: int) -> str | None:
        """The name of a type on the wire."""
        return _NAMES.get(wire)

    def is_of(self, wire: int, kind: Type) -> bool:
        """Whether values of the type are of this type on the wire."""
        return wire == kind.wire

    def number(self, kind: FixedType, path: str) -> None:
        """A bool, an integer or a double."""
        (number,) = self.take("B" if kind is BOOL else kind.letter, path)
        if kind is BOOL and number > 1:
            raise DecodeError(f"a bool is the byte 0 or 1, and the input has {number}", path=path)

    def length(self, path: str) -> int:
        """How long the text is that follows."""
        return self.take("I", path)[0]

    def head(self, kind: diagnosis.Container, path: str) -> tuple[tuple[int, ...], int]:
        """The types of the elements, and how many there are."""
        *wires, count = self.take("BBI" if isinstance(kind, MapType) else "BI", path)
        return tuple(wires), count

    def smallest(self, kind: Type) -> int:
        """The fewest bytes of an element."""
        return smallest(kind)

    def weight(self, kind: diagnosis.Container) -> int:
        """The memory that each element takes at least."""
        return per_element(kind)

    def pass_numbers(self, kinds: tuple[Type, ...], count: int) -> bool:
        """Pass numbers: nothing can be wrong with them, but with bools."""
        if not all(isinstance(one, NumberType | EnumType) and one is not BOOL for one in kinds):
            return False
        self.pos += count * sum(smallest(one) for one in kinds)
        return True
