"""Writes the source text of decoders: the binary protocol to values.

Laws: a decoder takes nothing from the input on trust. Each count is held against what the body may take in memory
before anything is made, each wire type is the schema's, and each step consumes input. It raises one of `fault.FAULTS`
where the input is wrong; where and why, `diagnosis` finds out afterwards, so that the hot path knows no paths.

The input is followed by `PADDING` zero bytes, so that reads near its end need no guard: what was read beyond the end is
seen by the position after the last struct, which must be the end exactly. Lengths are read as unsigned, so that a
position never goes back.

In the text, ``buf`` is the padded input and ``pos`` the position in it, ``key`` the three bytes at ``pos`` (the header
of the next field), ``depth`` the depth of the struct that is read, ``room`` the memory that is left for this body, and
``used`` what the fields of this struct have taken of it. A struct is read as `guess` expects it first, and field by
field from where that does not fit. Fields are expected in the order of the schema; each pass over them consumes what
stands in that order, and where something else follows, ``pass_field`` skips it or another pass begins.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Final

from callosum.upper.thrift.binary.contents import ContentWriter, raw_letter
from callosum.upper.thrift.binary.guess import Guess
from callosum.upper.thrift.binary.layout import field_header, is_flat
from callosum.upper.thrift.binary.skipping import pass_field
from callosum.upper.thrift.fault import FAULTS, PADDING, Fault
from callosum.upper.thrift.footprint import ALLOWANCE, RATIO, UNKNOWN_MEMBER, in_field
from callosum.upper.thrift.instances import fresh_default, instance_lines
from callosum.upper.thrift.source import Source
from callosum.upper.thrift.spec import (
    MAX_DEPTH,
    EnumType,
    Field,
    NumberType,
    Struct,
    TextType,
    Type,
    is_mutable,
)

_RUN: Final = 12
"""Fields that one ``unpack`` reads at most: 12 of at most 11 bytes are less than the padding."""


@dataclass(slots=True)
class DecoderWriter:
    """Writes decoders into one source text."""

    source: Source
    decoders: dict[type, str]
    """The names of the structs' decoders in the text."""
    recursive: set[type]
    contents: ContentWriter = field(init=False)
    fault: str = field(init=False)

    def __post_init__(self) -> None:
        self.fault = self.source.constant("Fault", Fault)
        self.contents = ContentWriter(self.source, self.decoders)

    def struct_decoder(self, struct: Struct) -> None:
        """Write ``def name(buf, pos, depth, room)``, which returns an instance and the position behind it."""
        with self.source.block(f"def {self.decoders[struct.cls]}(buf, pos, depth, room):"):
            if struct.cls in self.recursive:
                self.source(f"if depth > {MAX_DEPTH}: raise {self.fault}")
            self.contents.used = "used"
            self.source("used = 0")
            names = [self.source.fresh("v") for _ in struct.fields]
            self._start(struct, names)
            guess = self._guess(struct.fields, names)
            if not struct.is_union and struct.fields:
                with guess.straight():
                    guess.take_room()
                    self.source(*instance_lines(self.source, struct, "o", names))
                    self.source("return o, pos")
            self._passes(struct, names)
            self.source("room[0] -= used", f"if room[0] < 0: raise {self.contents.no_room}")
            self.source(*instance_lines(self.source, struct, "o", names))
            self.source("return o, pos + 1")

    def _guess(self, fields: Sequence[Field], names: Sequence[str]) -> Guess:
        unset = {name: self._default(one) for one, name in zip(fields, names, strict=True)}
        return Guess(self.contents, self.recursive, fields, names, unset)

    def body_decoder(self, name: str, struct: Struct, report: str, behind: str, result: Field | None = None) -> None:
        """Write ``def name(body)``, which takes a whole body and returns the values of all fields as a tuple.

        What holds nothing but texts and numbers, all of them there and in the order of the schema, is read straight
        through, without the padding; where it turns out to be anything else, it is read once more, the long way.

        Args:
            name: That of the function.
            struct: What is read.
            report: The name of what makes the error.
            behind: The name of what makes it where bytes are left over.
            result: The field that is expected alone, and whose value is returned then as it is.
        """
        padding, join = self.source.constant("padding", PADDING), self.source.constant("join", b"".join)
        expected = [result] if result is not None else struct.fields
        self.contents.used = ""
        with self.source.block(f"def {name}(body):"):
            if expected and is_flat(expected):
                for kind in (bytes, memoryview):  # a large body is a view of the transport's memory: copied once
                    with self.source.block(f"if type(body) is {kind.__name__}:"), self._no_fault():
                        self._straight(expected, kind, is_tuple=result is None)
            self.source(
                f"buf = {join}((body, {padding}))",
                f"size = len(buf) - {len(PADDING)}",
                "pos = 0",
                "depth = 1",
                f"room = [{ALLOWANCE} + {RATIO} * size]",
            )
            with self._no_fault():
                names = [self.source.fresh("v") for _ in struct.fields]
                self._start(struct, names)
                if expected and not is_flat(expected) and not struct.is_union:
                    self._guess_body(struct, names, behind, result)
                self._passes(struct, names)
                self.source(f"if pos + 1 == size and room[0] >= 0: return {_tuple(names)}")
                self.source(f"if pos + 1 < size and room[0] >= 0: raise {behind}(size - pos - 1)")
            self.source(f"raise {report}(bytes(body), room[0])")

    def _guess_body(self, struct: Struct, names: Sequence[str], behind: str, result: Field | None) -> None:
        expected = dict(zip(struct.fields, names, strict=True))
        if result is not None:
            expected = {result: expected[result]}
        values = list(expected.values())
        guess = self._guess(list(expected), values)
        with guess.straight():
            returned = values[0] if result is not None else _tuple(values)
            self.source(
                f"if pos == size and room[0] >= 0: return {returned}",
                f"if pos < size and room[0] >= 0: raise {behind}(size - pos)",
                f"raise {self.fault}",  # and not a loop that reads on behind the end of the struct
            )

    @contextmanager
    def _no_fault(self) -> Iterator[None]:
        """What is wrong with the input leads to the lines that follow."""
        with self.source.block("try:"):
            yield
        with self.source.block(f"except {self.source.constant('FAULTS', FAULTS)}:"):
            self.source("pass")

    def _straight(self, fields: Sequence[Field], kind: type, *, is_tuple: bool) -> None:
        """Read texts and numbers that stand in this order, and return them where nothing else is there."""
        names = [self.source.fresh("v") for _ in fields]
        at = "0"
        if any(isinstance(one.type, EnumType) for one in fields):
            self.source(f"room = [{UNKNOWN_MEMBER * len(fields)}]")
        with ExitStack() as blocks:
            for part in _parts(fields):
                last = fields[part[-1]].type
                targets, checks, layout, size = list[str](), list[str](), "", 0
                for index in part:
                    one, header = fields[index], self.source.fresh("h")
                    targets += [header, names[index]]
                    checks.append(f"{header} == {self.source.constant('H', field_header(one))}")
                    layout += "3s" + ("I" if isinstance(one.type, TextType) else raw_letter(one.type))
                    size += 3 + (4 if isinstance(one.type, TextType) else _size(one.type))
                self.source(f"{', '.join(targets)} = {self.source.unpacker(layout)}(body, {at})")
                blocks.enter_context(self.source.block(f"if {' and '.join(checks)}:"))
                for index in part:
                    if not isinstance(fields[index].type, TextType):
                        self.contents.convert(fields[index].type, names[index], names[index])
                at = str(int(at) + size) if at.isdecimal() else f"{at} + {size}"
                if isinstance(last, TextType):
                    value, end = names[part[-1]], self.source.fresh("n")
                    self.source(
                        f"pos = {at}",
                        f"{end} = pos + {value}",
                        f"{value} = {_text(f'body[pos:{end}]', kind, last)}",
                    )
                    at = end
            values = _tuple(names) if is_tuple else names[0]
            self.source(f"if not body[{at}] and {at} + 1 == len(body): return {values}")

    def _passes(self, struct: Struct, names: list[str]) -> None:
        """Read the fields that are not read yet, in any order, into variables that have their defaults."""
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

    def _start(self, struct: Struct, names: list[str]) -> None:
        same: dict[str, list[str]] = {}  # variables by what they begin with: those are set together
        for one, name in zip(struct.fields, names, strict=True):
            same.setdefault(self._default(one), []).append(name)
        self.source(*(f"{' = '.join(unset)} = {default}" for default, unset in same.items()))

    def _default(self, one: Field) -> str:
        """What a variable has while its field was not read."""
        if one.default is None or one.is_required or is_mutable(one.default):
            return "None"
        return self.source.constant("default", one.default)

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
                self.source(f"if {name} is None: {name} = {fresh_default(self.source, one.default)}")

    def _run(self, run: list[tuple[Field, str]]) -> None:
        """Fields of a fixed size that follow one another are read in one call, with the header behind each."""
        first, name = run[0]
        with self.source.block(f"if key == {self.source.constant('H', field_header(first))}:"):
            if len(run) == 1:
                self._field(first, name)
                return
            targets, headers, layout = [name], ["key"], ""
            for _ in run[1:]:
                targets.append(self.source.fresh("t"))
                headers.append(self.source.fresh("h"))
            for one, _ in run:
                layout += f"{raw_letter(one.type)}3s"
            values = ", ".join(f"{target}, {header}" for target, header in zip(targets, headers, strict=True))
            self.source(f"{values} = {self.source.unpacker(layout)}(buf, pos + 3)")
            checks = zip(headers, run[1:], strict=False)
            same = " and ".join(
                f"{header} == {self.source.constant('H', field_header(one))}" for header, (one, _) in checks
            )
            with self.source.block(f"if {same}:"):
                for (one, variable), target in zip(run, targets, strict=True):
                    self.contents.convert(one.type, variable, target)
                size = sum(3 + _size(one.type) for one, _ in run)
                self.source(f"key = {headers[-1]}", f"pos += {size}")
                self._use(one for one, _ in run)
            with self.source.block("else:"):
                self.contents.convert(first.type, name, name)
                self.source(f"pos += {3 + _size(first.type)}")
                self._use([first])
        for one, variable in run[1:]:
            self._run([(one, variable)])

    def _field(self, one: Field, name: str) -> None:
        """One field whose header is at ``pos``; moves ``pos`` and ``key`` behind it."""
        kind = one.type
        if isinstance(kind, NumberType | EnumType):
            self.source(f"{name}, key = {self.source.unpacker(f'{raw_letter(kind)}3s')}(buf, pos + 3)")
            self.contents.convert(kind, name, name)
            self.source(f"pos += {3 + kind.size}")
            self._use([one])
            return
        self.source("pos += 3")
        self.contents.value(kind, name, 1)
        self._use([one], f" + len({name})" if isinstance(kind, TextType) else "")
        self.source("key = buf[pos:pos + 3]")

    def _use(self, fields: Iterable[Field], more: str = "") -> None:
        """The fields of a body itself are few, and take no room; those of structs within it do."""
        taken = sum(in_field(one.type) for one in fields)
        if self.contents.used and (taken or more):
            self.source(f"used += {taken}{more}")


def _text(part: str, kind: type, text: TextType) -> str:
    """The value of a part of the input, which is ``bytes`` or a ``memoryview``."""
    if kind is bytes:
        return part if text.is_binary else f"{part}.decode()"
    return f"bytes({part})" if text.is_binary else f"str({part}, 'utf-8')"


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
