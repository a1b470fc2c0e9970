"""Why the decoder of the compact protocol refused its input: the parts that `callosum.upper.thrift.diagnosis` needs."""

from __future__ import annotations

from typing import Final

from callosum.errors import DecodeError
from callosum.upper.thrift import diagnosis
from callosum.upper.thrift.compact.layout import LONG_FORM, MANY, Kind, from_zigzag, is_varint, kinds_of, smallest
from callosum.upper.thrift.compact.room import per_element
from callosum.upper.thrift.compact.skipping import skip
from callosum.upper.thrift.spec import BOOL, I64, FixedType, MapType, Struct, Type

_NAMES: Final[dict[int, str]] = {
    int(kind): "bool" if kind <= Kind.FALSE else "string" if kind is Kind.TEXT else kind.name.lower() for kind in Kind
}
_LAST_ID: Final = 2**15 - 1


def decode_error(root: Struct, body: bytes, path: str, left: int) -> DecodeError:
    """The error for a body that a decoder refused; ``left`` is what was left of its room: below zero, it was full."""
    return diagnosis.decode_error(Reader(body), root, path, left)


class Reader(diagnosis.Reader):
    """A position in the input."""

    slowness = 2

    def field(self, last: int, path: str) -> tuple[int, int] | None:
        """The kind and the id of the next field; None at the end of a struct."""
        head = self._byte(path)
        if not head:
            return None
        ident = last + (head >> 4) if head >= LONG_FORM else from_zigzag(self._varint(5, path))
        if not -_LAST_ID - 2 < ident <= _LAST_ID:
            raise DecodeError(f"a field has the id {ident}, and ids are 16 bits", path=path)
        return head & 15, ident

    def _byte(self, path: str) -> int:
        if self.pos == len(self.body):
            self.ends(path)
        self.pos += 1
        return self.body[self.pos - 1]

    def _varint(self, longest: int, path: str) -> int:
        number = 0
        for shift in range(0, 7 * longest, 7):
            part = self._byte(path)
            number |= (part & 0x7F) << shift
            if part < 0x80:
                return number
        raise DecodeError(f"a number is longer than {longest} bytes", path=path)

    def skip(self, wire: int, depth: int) -> int:
        """The position behind a value of this kind, which is a field's: bools have none."""
        return self.pos if wire in kinds_of(BOOL) else skip(self.padded, self.pos, wire, depth, [self.room])

    def name_of(self, wire: int) -> str | None:
        """The name of a kind."""
        return _NAMES.get(wire)

    def is_of(self, wire: int, kind: Type) -> bool:
        """Whether values of the type are of this kind."""
        return wire in kinds_of(kind)

    def field_value(self, kind: Type, wire: int, path: str, depth: int) -> None:
        """The value of a field: that of a bool is in its kind."""
        if kind is BOOL:
            self.step()
        else:
            super().field_value(kind, wire, path, depth)

    def number(self, kind: FixedType, path: str) -> None:
        """A bool, an integer or a double, as an element."""
        if is_varint(kind):
            number, bits = self._varint(10 if kind is I64 else 5, path), kind.size * 8
            if number >> bits:
                raise DecodeError(f"{from_zigzag(number)} does not fit into {bits} bits", path=path)
            return
        (value,) = self.take("B" if kind is BOOL else kind.letter, path)
        if kind is BOOL and value > Kind.FALSE:
            raise DecodeError(f"a bool is the byte 1, 2 or 0, and the input has {value}", path=path)

    def length(self, path: str) -> int:
        """How long the text is that follows."""
        size = self._varint(5, path)
        if size >> 31:
            raise DecodeError(f"its length is {size} bytes, and {len(self.body) - self.pos} are left", path=path)
        return size

    def head(self, kind: diagnosis.Container, path: str) -> tuple[tuple[int, ...], int]:
        """The kinds of the elements, and how many there are."""
        if isinstance(kind, MapType):
            count = self._varint(5, path)
            if not count:
                return (), 0
            kinds = self._byte(path)
            return (kinds >> 4, kinds & 15), count
        head = self._byte(path)
        return (head & 15,), self._varint(5, path) if head >> 4 == MANY else head >> 4

    def smallest(self, kind: Type) -> int:
        """The fewest bytes of an element."""
        return smallest(kind)

    def weight(self, kind: diagnosis.Container) -> int:
        """The memory that each element takes at least."""
        return per_element(kind)
