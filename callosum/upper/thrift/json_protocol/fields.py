"""Reads what is left of a struct that does not stand as most do: in another order, or with fields not known here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from callosum.upper.thrift.footprint import in_field
from callosum.upper.thrift.json_protocol import grammar
from callosum.upper.thrift.json_protocol.malformed import Malformed
from callosum.upper.thrift.json_protocol.room import Room, take
from callosum.upper.thrift.json_protocol.scalars import Reader
from callosum.upper.thrift.json_protocol.skipping import field_at, skip, token_field
from callosum.upper.thrift.json_protocol.structure import is_struct, unclosed
from callosum.upper.thrift.spec import Struct


class FieldTable:
    """The fields of a struct by their ids, and what reads their values."""

    def __init__(self, struct: Struct) -> None:
        self._fields = struct.fields
        self._by_id = {str(one.id): index for index, one in enumerate(struct.fields)}
        self._names = [grammar.NAMES[one.type.wire] for one in struct.fields]
        self._costs = [in_field(one.type) if is_struct(one.type) else 0 for one in struct.fields]
        self._readers: Sequence[Reader] = ()

    def read_with(self, *readers: Reader) -> None:
        """Say what reads the values of the fields, in their order."""
        self._readers = readers

    def read(
        self,
        text: str,
        pos: int,
        depth: int,
        room: Room,
        values: list[Any],  # values of any IDL type
    ) -> int:
        """Read fields up to the end of the struct into the list of all values, where those not there are None."""
        while True:
            found = token_field(text, pos)  # many can be short
            if found is not None and found[1] not in self._by_id:
                pos = found.end()
            else:
                pos = self._field(text, pos, depth, room, values)
            if text[pos : pos + 1] == "}":
                return pos

    def _field(self, text: str, pos: int, depth: int, room: Room, values: list[Any]) -> int:  # as above
        head = field_at(text, pos)
        index = self._by_id.get(head[1])
        if index is None:
            return self._unknown(text, head[1], head[2], head.end(), depth)
        return self._known(text, head[2], head.end(), index, depth, room, values)

    def _unknown(self, text: str, ident: str, name: str, pos: int, depth: int) -> int:
        try:
            return _closed(text, skip(text, pos, name, depth + 1))
        except Malformed as error:
            raise error.within(f"<unknown field {ident}>") from None

    def _known(
        self,
        text: str,
        name: str,
        pos: int,
        index: int,
        depth: int,
        room: Room,
        values: list[Any],  # as above
    ) -> int:
        one = self._fields[index]
        try:
            self._check(name, index, values)
            take(room, self._costs[index])
            values[index], pos = self._readers[index](text, pos, depth + 1, room)
            return _closed(text, pos)
        except Malformed as error:
            raise error.within(one.name) from None

    def _check(self, name: str, index: int, values: list[Any]) -> None:  # as above
        if name != self._names[index]:
            text = self._fields[index].type.text
            raise Malformed(f'the IDL says {text} ("{self._names[index]}"), and the input says "{name}"')
        if values[index] is not None:
            raise Malformed("the field is there more than once")


def _closed(text: str, pos: int) -> int:
    found = grammar.close(text, pos)
    if found is None:
        raise unclosed(text, pos)
    return found.end()
