"""Writes the source text of decoders: the binary protocol to values.

Laws: a decoder takes nothing from the input on trust. Each count is held against the bytes that are left before
anything is made, each wire type is the schema's, and each step consumes input. It raises one of `FAULTS` where the
input is wrong; where and why, `diagnosis` finds out afterwards, so that the hot path knows no paths.

The input is followed by `PADDING` zero bytes, so that reads near its end need no guard: what was read beyond the end is
seen by the position after the last struct, which must be the end exactly. Lengths are read as unsigned, so that a
position never goes back.

In the text, ``buf`` is the padded input and ``pos`` the position in it, ``key`` the three bytes at ``pos`` (the header
of the next field), ``depth`` the depth of the struct that is read, and ``room`` the memory that is left for structs.
Fields are expected in the order of the schema; each pass over them consumes what stands in that order, and where
something else follows, ``pass_field`` skips it or another pass begins.
"""

from __future__ import annotations

import enum
import functools
import struct
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Final

from callosum.upper.thrift.fault import Fault, check_hashes, copier, freeze, pass_field
from callosum.upper.thrift.source import Source
from callosum.upper.thrift.spec import (
    BOOL,
    MAX_DEPTH,
    EnumType,
    Field,
    FixedType,
    ListType,
    MapType,
    NumberType,
    SetType,
    Struct,
    StructType,
    TextType,
    Type,
    is_mutable,
    smallest,
)

FAULTS: Final = (Fault, struct.error, IndexError, TypeError, UnicodeDecodeError)
"""What a decoder raises where the input is wrong."""
PADDING: Final = bytes(256)
"""More than the longest read that is not guarded."""
_RUN: Final = 12
"""Fields that one ``unpack`` reads at most: 12 of at most 11 bytes are less than the padding."""


@dataclass(slots=True)
class DecoderWriter:
    """Writes decoders into one source text."""

    source: Source
    decoders: dict[type, str]
    """The names of the structs' decoders in the text."""
    structs: dict[type, Struct]
    recursive: set[type]
    fault: str = field(init=False)

    def __post_init__(self) -> None:
        self.fault = self.source.constant("Fault", Fault)

    def struct_decoder(self, struct: Struct) -> None:
        """Write ``def name(buf, pos, depth, room)``, which returns an instance and the position behind it."""
        cls = self.source.constant("cls", struct.cls)
        with self.source.block(f"def {self.decoders[struct.cls]}(buf, pos, depth, room):"):
            if struct.cls in self.recursive:
                self.source(f"if depth > {MAX_DEPTH}: raise {self.fault}")
            names = self._fields(struct)
            self.source(f"o = {self.source.constant('new', struct.cls.__new__)}({cls})")
            self.source(*(f"o.{one.name} = {name}" for one, name in zip(struct.fields, names, strict=True)))
            self.source("return o, pos + 1")

    def body_decoder(self, name: str, struct: Struct, room: str, report: str, result: Field | None = None) -> None:
        """Write ``def name(body)``, which takes a whole body and returns the values of all fields as a tuple.

        What holds nothing but texts and numbers, all of them there and in the order of the schema, is read straight
        through; where it turns out to be anything else, it is read once more, the long way.

        Args:
            name: That of the function.
            struct: What is read.
            room: The expression for what ``room`` begins with, by ``size``.
            report: The name of what makes the error.
            result: The field that is expected alone, and whose value is returned then as it is.
        """
        padding, join = self.source.constant("padding", PADDING), self.source.constant("join", b"".join)
        expected = [result] if result is not None else struct.fields
        with self.source.block(f"def {name}(body):"):
            if expected and is_flat(expected):
                with self.source.block("if type(body) is bytes:"), self._no_fault():
                    self._straight(expected, is_tuple=result is None)
            self.source(
                f"buf = {join}((body, {padding}))",
                f"size = len(buf) - {len(PADDING)}",
                "pos = 0",
                "depth = 1",
                f"room = [{room}]",
            )
            with self._no_fault():
                names = self._fields(struct)
                self.source(f"if pos + 1 == size: return {_tuple(names)}")
            self.source(f"raise {report}(bytes(body))")

    @contextmanager
    def _no_fault(self) -> Iterator[None]:
        """What is wrong with the input leads to the lines that follow."""
        with self.source.block("try:"):
            yield
        with self.source.block(f"except {self.source.constant('FAULTS', FAULTS)}:"):
            self.source("pass")

    def _straight(self, fields: Sequence[Field], *, is_tuple: bool) -> None:
        """Read texts and numbers that stand in this order, and return them where nothing else is there."""
        names = [self.source.fresh("v") for _ in fields]
        at = "0"
        with ExitStack() as blocks:
            for part in _parts(fields):
                last = fields[part[-1]].type
                targets, checks, layout, size = list[str](), list[str](), "", 0
                for index in part:
                    one, header = fields[index], self.source.fresh("h")
                    targets += [header, names[index]]
                    checks.append(f"{header} == {self.source.constant('H', one.header)}")
                    layout += "3s" + ("I" if isinstance(one.type, TextType) else _letter(one.type))
                    size += 3 + (4 if isinstance(one.type, TextType) else _size(one.type))
                self.source(f"{', '.join(targets)} = {self.source.unpacker(layout)}(body, {at})")
                blocks.enter_context(self.source.block(f"if {' and '.join(checks)}:"))
                for index in part:
                    if not isinstance(fields[index].type, TextType):
                        self._convert(fields[index].type, names[index], names[index])
                at = str(int(at) + size) if at.isdecimal() else f"{at} + {size}"
                if isinstance(last, TextType):
                    value, end = names[part[-1]], self.source.fresh("n")
                    self.source(
                        f"pos = {at}",
                        f"{end} = pos + {value}",
                        f"{value} = body[pos:{end}]" + ("" if last.is_binary else ".decode()"),
                    )
                    at = end
            values = _tuple(names) if is_tuple else names[0]
            self.source(f"if not body[{at}] and {at} + 1 == len(body): return {values}")

    def _fields(self, struct: Struct) -> list[str]:
        """Read all fields. Returns the names of their values."""
        names = [self.source.fresh("v") for _ in struct.fields]
        self._start(struct, names)
        self.source("key = buf[pos:pos + 3]")
        with self.source.block("while True:"):
            for start, stop in _runs(struct.fields):
                self._run([(struct.fields[index], names[index]) for index in range(start, stop)])
            self.source("if key[0] == 0: break")
            known = self.source.constant("known", {one.id: int(one.type.wire) for one in struct.fields})
            self.source(
                f"pos = {self.source.constant('pass_field', pass_field)}(buf, pos, {known}, depth)",
                "key = buf[pos:pos + 3]",
            )
        self._finish(struct, names)
        return names

    def _start(self, struct: Struct, names: list[str]) -> None:
        unset: list[str] = []
        for one, name in zip(struct.fields, names, strict=True):
            if one.default is None or one.is_required or is_mutable(one.default):
                unset.append(name)
            else:
                self.source(f"{name} = {self.source.constant('default', one.default)}")
        if unset:
            self.source(f"{' = '.join(unset)} = None")

    def _finish(self, struct: Struct, names: list[str]) -> None:
        """What must be there is, and what may be left out has its default."""
        required = [name for one, name in zip(struct.fields, names, strict=True) if one.is_required]
        if required:
            self.source(f"if {' or '.join(f'{name} is None' for name in required)}: raise {self.fault}")
        if struct.is_union:
            count = " + ".join(f"({name} is not None)" for name in names) or "0"
            self.source(f"if {count} != 1: raise {self.fault}")
        for one, name in zip(struct.fields, names, strict=True):
            if not one.is_required and is_mutable(one.default):
                self.source(f"if {name} is None: {name} = {self.source.constant('fresh', copier(one.default))}()")

    def _run(self, run: list[tuple[Field, str]]) -> None:
        """Fields of a fixed size that follow one another are read in one call, with the header behind each."""
        first, name = run[0]
        with self.source.block(f"if key == {self.source.constant('H', first.header)}:"):
            if len(run) == 1:
                self._field(first, name)
                return
            targets, headers, layout = [name], ["key"], ""
            for _ in run[1:]:
                targets.append(self.source.fresh("t"))
                headers.append(self.source.fresh("h"))
            for one, _ in run:
                layout += f"{_letter(one.type)}3s"
            values = ", ".join(f"{target}, {header}" for target, header in zip(targets, headers, strict=True))
            self.source(f"{values} = {self.source.unpacker(layout)}(buf, pos + 3)")
            checks = zip(headers, run[1:], strict=False)
            same = " and ".join(f"{header} == {self.source.constant('H', one.header)}" for header, (one, _) in checks)
            with self.source.block(f"if {same}:"):
                for (one, variable), target in zip(run, targets, strict=True):
                    self._convert(one.type, variable, target)
                size = sum(3 + _size(one.type) for one, _ in run)
                self.source(f"key = {headers[-1]}", f"pos += {size}")
            with self.source.block("else:"):
                self._convert(first.type, name, name)
                self.source(f"pos += {3 + _size(first.type)}")
        for one, variable in run[1:]:
            self._run([(one, variable)])

    def _field(self, one: Field, name: str) -> None:
        """One field whose header is at ``pos``; moves ``pos`` and ``key`` behind it."""
        kind = one.type
        if isinstance(kind, NumberType | EnumType):
            self.source(f"{name}, key = {self.source.unpacker(f'{_letter(kind)}3s')}(buf, pos + 3)")
            self._convert(kind, name, name)
            self.source(f"pos += {3 + kind.size}")
            return
        self._value(kind, name, 3, 1)
        self.source("key = buf[pos:pos + 3]")

    def _value(self, kind: Type, name: str, ahead: int, depth: int) -> None:
        """One value, ``ahead`` bytes behind ``pos``; ``depth`` is that of the value below the struct's own."""
        at = f"pos + {ahead}" if ahead else "pos"
        match kind:
            case NumberType() | EnumType():
                self.source(f"({name},) = {self.source.unpacker(_letter(kind))}(buf, {at})")
                self._convert(kind, name, name)
                self.source(f"pos += {ahead + kind.size}")
            case TextType():
                end = self.source.fresh("n")
                self.source(
                    f"({end},) = {self.source.unpacker('I')}(buf, {at})",
                    f"pos += {ahead + 4}",
                    f"{end} += pos",
                    f"{name} = buf[pos:{end}]" + ("" if kind.is_binary else ".decode()"),
                    f"pos = {end}",
                )
            case StructType():
                self.source(f"{name}, pos = {self.decoders[kind.cls]}(buf, {at}, depth + {depth}, room)")
            case ListType() | SetType():
                self._collection(kind, name, ahead, depth)
            case MapType():
                self._map(kind, name, ahead, depth)

    def _collection(self, kind: ListType | SetType, name: str, ahead: int, depth: int) -> None:
        element, wire, count = kind.element, self.source.fresh("t"), self.source.fresh("n")
        at = f"pos + {ahead}" if ahead else "pos"
        self.source(
            f"{wire}, {count} = {self.source.unpacker('BI')}(buf, {at})",
            f"pos += {ahead + 5}",
            f"if {wire} != {int(element.wire)} or {self._exceeds(count, smallest(element))}: raise {self.fault}",
        )
        if isinstance(element, NumberType | EnumType):
            self._numbers(kind, element, name, count)
            return
        self._take_room(element, count)
        item, elements = self.source.fresh("x"), self.source.fresh("l")
        self.source(f"{elements} = []")
        with self.source.block(f"for _ in range({count}):"):
            self._value(element, item, 0, depth + 1)
            self.source(f"{elements}.append({self._frozen(kind, element, item)})")
        if isinstance(kind, SetType):
            self._check_hashes(element, elements)
            self.source(f"{name} = set({elements})")
        else:
            self.source(f"{name} = {elements}")

    def _numbers(self, kind: ListType | SetType, element: FixedType, name: str, count: str) -> None:
        """A collection of numbers is one call of ``unpack``."""
        make = "set" if isinstance(kind, SetType) else "list"
        if element is BOOL:
            self.source(
                f"{name} = buf[pos:pos + {count}]",
                f'if {name}.translate(None, b"\\0\\1"): raise {self.fault}',
                f"{name} = {make}(map(bool, {name}))",
                f"pos += {count}",
            )
            return
        unpack = self.source.constant("unpack_from", struct.unpack_from)
        values = f'{unpack}(f"!{{{count}}}{element.letter}", buf, pos)'
        if isinstance(element, EnumType):
            raw = self.source.fresh("x")
            values = f"[{self._member(element, raw)} for {raw} in {values}]"
        self.source(f"{name} = {make}({values})", f"pos += {count} * {element.size}")

    def _map(self, kind: MapType, name: str, ahead: int, depth: int) -> None:
        wires, count = [self.source.fresh("t"), self.source.fresh("t")], self.source.fresh("n")
        at = f"pos + {ahead}" if ahead else "pos"
        size = smallest(kind.key) + smallest(kind.value)
        self.source(
            f"{wires[0]}, {wires[1]}, {count} = {self.source.unpacker('BBI')}(buf, {at})",
            f"pos += {ahead + 6}",
            f"if {wires[0]} != {int(kind.key.wire)} or {wires[1]} != {int(kind.value.wire)}"
            f" or {self._exceeds(count, size)}: raise {self.fault}",
        )
        self._take_room(kind.key, count)
        self._take_room(kind.value, count)
        key, value = self.source.fresh("k"), self.source.fresh("x")
        keys, values = self.source.fresh("l"), self.source.fresh("l")
        self.source(f"{keys} = []", f"{values} = []")
        with self.source.block(f"for _ in range({count}):"):
            self._value(kind.key, key, 0, depth + 1)
            self.source(f"{keys}.append({self._frozen(SetType(kind.key), kind.key, key)})")
            self._value(kind.value, value, 0, depth + 1)
            self.source(f"{values}.append({value})")
        self._check_hashes(kind.key, keys)
        self.source(f"{name} = dict(zip({keys}, {values}))")

    def _exceeds(self, count: str, size: int) -> str:
        return f"{count} * {size} > len(buf) - pos" if size > 1 else f"{count} > len(buf) - pos"

    def _take_room(self, element: Type, count: str) -> None:
        """A struct can take one byte of the input and hundreds of memory: only so many are made."""
        if isinstance(element, StructType):
            self.source(
                f"room[0] -= {count} * {self.structs[element.cls].weight}", f"if room[0] < 0: raise {self.fault}"
            )

    def _check_hashes(self, kind: Type, elements: str) -> None:
        if not isinstance(kind, NumberType | EnumType | TextType):
            self.source(f"{self.source.constant('check_hashes', check_hashes)}({elements})")

    def _frozen(self, kind: ListType | SetType, element: Type, name: str) -> str:
        """Lists and sets that are elements of sets or keys of maps are made hashable."""
        if isinstance(kind, SetType) and isinstance(element, ListType | SetType):
            return f"{self.source.constant('freeze', freeze)}({name})"
        return name

    def _convert(self, kind: Type, name: str, raw: str) -> None:
        """From the number on the wire to the value."""
        if kind is BOOL:
            self.source(f"{name} = {self.source.constant('bools', _BOOLS)}[{raw}]")
        elif isinstance(kind, EnumType):
            self.source(f"{name} = {self._member(kind, raw)}")
        elif name != raw:
            self.source(f"{name} = {raw}")

    def _member(self, kind: EnumType, raw: str) -> str:
        known = self.source.constant("members", members(kind.cls))
        return f"{known}[{raw}] if {raw} in {known} else {self.source.constant('cls', kind.cls)}({raw})"


_BOOLS: Final = (False, True)
"""By the byte; any other byte is an IndexError, one of `FAULTS`."""


@functools.cache
def members(cls: type[enum.IntEnum]) -> dict[int, enum.IntEnum]:
    """The known members of an enum by their values: looking there is much faster than calling the class."""
    return {member.value: member for member in cls}


def is_flat(fields: Iterable[Field]) -> bool:
    """Whether there is nothing but texts and numbers."""
    return all(isinstance(one.type, TextType | NumberType | EnumType) for one in fields)


def _parts(fields: Sequence[Field]) -> list[list[int]]:
    """Indexes of fields that are read by one ``unpack``: numbers, and the length of the text behind them."""
    parts: list[list[int]] = []
    is_open = False
    for index, one in enumerate(fields):
        if is_open:
            parts[-1].append(index)
        else:
            parts.append([index])
        is_open = not isinstance(one.type, TextType)
    return parts


def _tuple(names: Sequence[str]) -> str:
    return f"({''.join(f'{one}, ' for one in names)})"


def _letter(kind: Type) -> str:
    assert isinstance(kind, NumberType | EnumType)
    return "B" if kind is BOOL else kind.letter


def _size(kind: Type) -> int:
    assert isinstance(kind, NumberType | EnumType)
    return kind.size


def _runs(fields: Iterable[Field]) -> list[tuple[int, int]]:
    """Ranges of indexes, neighbours of a fixed size together."""
    runs: list[tuple[int, int]] = []
    is_fixed = False
    for index, one in enumerate(fields):
        was_fixed, is_fixed = is_fixed, isinstance(one.type, NumberType | EnumType)
        if was_fixed and is_fixed and index - runs[-1][0] < _RUN:
            runs[-1] = (runs[-1][0], index + 1)
        else:
            runs.append((index, index + 1))
    return runs
