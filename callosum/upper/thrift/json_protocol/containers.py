"""Writes the source text that reads containers: a part of the text of decoders, under the laws of `decode`.

There is one function for each type of container, ``def name(text, pos, depth, room)``, which returns the value and the
position behind it.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field

from callosum.upper.thrift.fault import check_hashes, compact_set, freeze, member, members
from callosum.upper.thrift.footprint import MAP_BASE, per_element
from callosum.upper.thrift.json_protocol import grammar, structure
from callosum.upper.thrift.json_protocol.bulk import bulk_reader
from callosum.upper.thrift.json_protocol.conversion import bytes_of, double_of, text_of
from callosum.upper.thrift.json_protocol.grammar import ScalarType, W
from callosum.upper.thrift.json_protocol.malformed import Malformed
from callosum.upper.thrift.json_protocol.room import set_table, take
from callosum.upper.thrift.json_protocol.scalars import limits, out_of_range, scalar_reader
from callosum.upper.thrift.source import Source
from callosum.upper.thrift.spec import (
    BOOL,
    DOUBLE,
    EnumType,
    ListType,
    MapType,
    NumberType,
    SetType,
    StructType,
    TextType,
    Type,
    UuidType,
)


@dataclass(slots=True)
class ContainerWriter:
    """Writes what reads values."""

    source: Source
    decoders: dict[type, str]
    """The names of the structs' decoders in the text."""
    _readers: dict[Type, str] = field(default_factory=dict)

    def reader(self, kind: Type) -> str:
        """The name of what reads a value, written where it is not yet. Not to be called within a function's text."""
        if isinstance(kind, StructType):
            return self.decoders[kind.cls]
        if kind not in self._readers:
            self._readers[kind] = self._write(kind)
        return self._readers[kind]

    def _write(self, kind: Type) -> str:
        match kind:
            case NumberType() | EnumType() | TextType() | UuidType():
                return self.source.constant("read", scalar_reader(kind))
            case MapType():
                return self._map(kind)
            case ListType() | SetType():
                element = kind.element
                if isinstance(element, ScalarType):
                    return self.source.constant("read", bulk_reader(kind, element))
                return self._collection(kind, self.reader(element))
            case StructType():
                return self.decoders[kind.cls]

    def call(self, function: object, *arguments: str) -> str:
        """The text of a call."""
        return f"{self.source.constant(getattr(function, '__name__', 'f'), function)}({', '.join(arguments)})"

    def conversion(self, kind: ScalarType, name: str, raw: str) -> list[str]:
        """From the group of a token to the value; the lines may raise Malformed."""
        match kind:
            case TextType():
                if kind.is_binary:
                    return [f"{name} = {self.call(bytes_of, raw)}"]
                lines = [f"{name} = {raw}"] if name != raw else []
                return [*lines, f"if '\\\\' in {name}: {name} = {self.call(text_of, name)}"]
            case UuidType():
                return [f"{name} = {self.call(uuid.UUID, raw)}"]
            case NumberType() if kind is BOOL:
                return [f"{name} = {raw} == '1'"]
            case NumberType() if kind is DOUBLE:
                return [f"{name} = {self.call(double_of, raw)}"]
            case NumberType() | EnumType():
                low, high = limits(kind.size)
                error = self.call(out_of_range, self.source.constant("kind", kind), f"str({name})")
                return [
                    f"{name} = int({raw})",
                    f"if not {low} <= {name} <= {high}: raise {error}",
                    *([f"{name} = {self._member(kind, name)}"] if isinstance(kind, EnumType) else []),
                ]

    def _member(self, kind: EnumType, number: str) -> str:
        known = self.source.constant("members", members(kind.cls))
        unknown = self.call(member, self.source.constant("cls", kind.cls), number, "room")
        return f"{known}[{number}] if {number} in {known} else {unknown}"

    def _begin(self, kind: ListType | SetType | MapType, head: str) -> None:
        """The head of a container: its size is ``count`` then."""
        match = self.source.constant("match", grammar.compiled(head))
        refused = self.call(structure.no_container, self.source.constant("kind", kind), "text", "pos")
        self.source(
            f"m = {match}(text, pos)",
            f"if m is None: raise {refused}",
            "count, pos = int(m[1]), m.end()",
        )

    def _collection(self, kind: ListType | SetType, element: str) -> str:
        name, is_set = self.source.fresh("read"), isinstance(kind, SetType)
        with self.source.block(f"def {name}(text, pos, depth, room):"):
            self._begin(kind, grammar.collection_head(structure.name_of(kind.element)))
            cost = f"count * {per_element(kind)}"
            if is_set:
                cost += f" + {self.call(set_table, 'count')}"
            self.source(self.call(take, "room", cost), "made = []", "depth += 1")
            with self.source.block("try:"), self.source.block("for _ in range(count):"):
                self.source(
                    "if text[pos:pos + 1] == ',': pos += 1",
                    f"else: pos = {self.call(structure.over_comma, 'text', 'pos', 'count')}",
                    f"value, pos = {element}(text, pos, depth, room)",
                    *(self._frozen(kind.element) if is_set else []),
                    "made.append(value)",
                )
            self._located("f'[{len(made)}]'")
            self.source(
                "if text[pos:pos + 1] == ']': pos += 1",
                f"else: pos = {self.call(structure.over_end_of_list, 'text', 'pos', 'count')}",
            )
            if is_set:
                self._make_set(kind)
            self.source("return made, pos")
        return name

    def _located(self, part: str) -> None:
        with self.source.block(f"except {self.source.constant('Malformed', Malformed)} as error:"):
            self.source(f"raise error.within({part})")

    def _make_set(self, kind: ListType | SetType) -> None:
        with self.source.block("try:"):
            self.source(self.call(check_hashes, "made"), f"made = {self.call(compact_set, 'made')}")
        with self.source.block("except TypeError:"):
            self.source(f"raise {self.call(structure.unhashable, self.source.constant('kind', kind))} from None")

    def _frozen(self, kind: Type) -> list[str]:
        """The value as it can be an element of a set."""
        if not isinstance(kind, ListType | SetType):
            return []
        if isinstance(kind.element, ListType | SetType):
            return [f"value = {self.call(freeze, 'value')}"]
        return [f"value = {'tuple' if isinstance(kind, ListType) else 'frozenset'}(value)"]

    def _map(self, kind: MapType) -> str:
        key, value = kind.key, kind.value
        if not isinstance(key, ScalarType):
            return self._empty_map(kind)
        is_scalar = isinstance(value, ScalarType)
        reader = "" if is_scalar else self.reader(value)
        name = self.source.fresh("read")
        with self.source.block(f"def {name}(text, pos, depth, room):"):
            self._begin(kind, grammar.map_head(structure.name_of(key), structure.name_of(value)))
            taken = f"count * {per_element(kind)} + {MAP_BASE} if count else 0"
            self.source(self.call(take, "room", taken), "made = {}", "index, at = 0, 'key'", "depth += 1")
            with self.source.block("try:"), self.source.block("for index in range(count):"):
                self._entry(kind, key, value, reader)
            self._located("f'{at}[{index}]' if at else ''")
            self._end_map()
            self.source(f"if len(made) != count: raise {self.call(structure.repeated_key)}", "return made, pos")
        return name

    def _entry(self, kind: MapType, key: ScalarType, value: Type, reader: str) -> None:
        pattern = f"{W}{grammar.key(key)}{W}:"
        if isinstance(value, ScalarType):
            pattern += f"{W}{grammar.grouped(value)}{grammar.NEXT}"
        bad = self.call(structure.bad_entry, self.source.constant("kind", kind), "f'[{index}]'", "text", "pos", "count")
        self.source(f"m = {self.source.constant('match', grammar.compiled(pattern))}(text, pos)")
        with self.source.block("if m is None:"):
            self.source("at = ''", f"raise {bad}")
        self.source("at = 'key'", "key = m[1]", *self.conversion(key, "key", "key"), "at = 'value'")
        if isinstance(value, ScalarType):
            self.source("value = m[2]", *self.conversion(value, "value", "value"), "pos = m.end()")
        else:
            following = self.source.constant("match", grammar.next_member)
            self.source(
                f"value, pos = {reader}(text, m.end(), depth, room)",
                f"m = {following}(text, pos)",
                f"if m is None: raise {self.call(structure.unclosed, 'text', 'pos')}",
                "pos = m.end()",
            )
        self.source("made[key] = value")

    def _end_map(self) -> None:
        self.source(
            "if text[pos:pos + 2] == '}]': pos += 2",
            f"else: pos = {self.call(structure.over_end_of_map, 'text', 'pos', 'count')}",
        )

    def _empty_map(self, kind: MapType) -> str:
        """Of a map with keys that JSON cannot have."""
        name = self.source.fresh("read")
        with self.source.block(f"def {name}(text, pos, depth, room):"):
            self._begin(kind, grammar.map_head(structure.name_of(kind.key), structure.name_of(kind.value)))
            self.source(f"if count: {self.call(structure.refuse_keys, self.source.constant('kind', kind))}")
            self._end_map()
            self.source("return {}, pos")
        return name
