"""Writes the source text of decoders: the compact protocol to values.

Laws: those of `binary.decode`. The input is followed by `PADDING` zero bytes, so that reads near its end need no guard.

In the text, ``buf`` is the padded input, ``depth`` the depth of the struct that is read, ``room`` the memory that is
left for this body, and ``used`` what the fields of this struct have taken of it. ``pos`` is the position of the header
of the next field, or of its last byte where that has more than one; the value follows. ``tag`` is its id and its kind,
as ``id << 4 | kind``: the id before is known where a field was read, so the header is added to a constant, and compared
with one. It is not the tag of a header of the long form until that was looked at.

Fields are expected in the order of the schema, and those that are not there cost a comparison each. What is left then,
up to the end of the struct, comes in another order or is not known: it is looked for in a tree of comparisons, so that
no order takes more time than the logarithm of the fields there are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from callosum.upper.thrift.compact.contents import ContentWriter
from callosum.upper.thrift.compact.layout import LONG_FORM, Kind, kinds_of, long_header
from callosum.upper.thrift.compact.numbers import SMALL, read_id
from callosum.upper.thrift.compact.room import in_field
from callosum.upper.thrift.compact.skipping import pass_fields
from callosum.upper.thrift.fault import FAULTS, PADDING, Fault
from callosum.upper.thrift.footprint import ALLOWANCE, RATIO
from callosum.upper.thrift.instances import fresh_default, instance_lines
from callosum.upper.thrift.source import Source
from callosum.upper.thrift.spec import BOOL, MAX_DEPTH, Field, Struct, TextType, is_mutable

_IDS: Final = tuple(ident << 4 for ident in SMALL)
"""Ids of a byte, as a part of a tag."""
_LEAF: Final = 3
"""Fields of a leaf of the tree."""


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
        self.contents = ContentWriter(self.source, self.decoders, recursive=self.recursive)

    def struct_decoder(self, struct: Struct) -> None:
        """Write ``def name(buf, pos, depth, room)``, which returns an instance and the position behind it."""
        with self.source.block(f"def {self.decoders[struct.cls]}(buf, pos, depth, room):"):
            if struct.cls in self.recursive:
                self.source(f"if depth > {MAX_DEPTH}: raise {self.fault}")
            self.contents.used = "used"
            self.source("used = 0")
            names = [self.source.fresh("v") for _ in struct.fields]
            self._fields(struct, names)
            with self.source.block("if used:"):
                self.source("room[0] -= used", f"if room[0] < 0: raise {self.contents.no_room}")
            self.source(*instance_lines(self.source, struct, "o", names))
            self.source("return o, pos + 1")

    def body_decoder(self, name: str, struct: Struct, report: str, behind: str, result: Field | None = None) -> None:
        """Write ``def name(body)``, which takes a whole body and returns the values of all fields as a tuple."""
        padding, join = self.source.constant("padding", PADDING), self.source.constant("join", b"".join)
        self.contents.used = ""
        with self.source.block(f"def {name}(body):"):
            self.source(
                f"buf = {join}((body, {padding}))",
                f"size = len(buf) - {len(PADDING)}",
                "pos = 0",
                "depth = 1",
                f"room = [{ALLOWANCE} + {RATIO} * size]",
            )
            with self.source.block("try:"):
                names = [self.source.fresh("v") for _ in struct.fields]
                self._fields(struct, names)
                with self.source.block("if pos + 1 == size and room[0] >= 0:"):
                    if result is not None:
                        alone, *others = (names.pop(struct.fields.index(result)), *names)
                        absent = "".join(f" and {other} is None" for other in others)
                        self.source(f"if {alone} is not None{absent}: return {alone}")
                        names.insert(struct.fields.index(result), alone)
                    self.source(f"return ({''.join(f'{one}, ' for one in names)})")
                self.source(f"if pos + 1 < size and room[0] >= 0: raise {behind}(size - pos - 1)")
            with self.source.block(f"except {self.source.constant('FAULTS', FAULTS)}:"):
                self.source("pass")
            self.source(f"raise {report}(bytes(body), room[0])")

    def _fields(self, struct: Struct, names: Sequence[str]) -> None:
        """Read the fields to variables, up to the end of the struct, which ``pos`` is at."""
        self._start(struct, names)
        self.source("tag = buf[pos]")
        last = 0
        for one, name in zip(struct.fields, names, strict=True):
            self._expected(one, name, last)
            last = one.id
        with self.source.block("while buf[pos]:"):
            if self.contents.used:  # fields can be there again and again
                with self.source.block("if used > room[0]:"):
                    self.source("room[0] -= used", f"raise {self.contents.no_room}")
            self._resolve()
            fields = sorted(zip(struct.fields, names, strict=True), key=lambda pair: pair[0].id)
            self._tree(fields, self.source.constant("known", frozenset(one.id for one in struct.fields)))
        self._finish(struct, names)

    def _start(self, struct: Struct, names: Sequence[str]) -> None:
        unset: list[str] = []
        for one, name in zip(struct.fields, names, strict=True):
            if one.default is None or one.is_required or is_mutable(one.default):
                unset.append(name)
            else:
                self.source(f"{name} = {self.source.constant('default', one.default)}")
        if unset:
            self.source(f"{' = '.join(unset)} = None")

    def _expected(self, one: Field, name: str, last: int) -> None:
        """A field as it follows the one with the id ``last``, or one before that."""
        if not 0 < one.id - last < LONG_FORM:
            for kind in kinds_of(one.type):
                header = long_header(Kind(kind), one.id)
                with self.source.block(f"if buf[pos:pos + {len(header)}] == {self.source.constant('H', header)}:"):
                    self.source(f"pos += {len(header) - 1}")
                    if one.id:
                        self.source(f"tag = {one.id << 4 | kind}")
                    else:
                        self._field(one, name, f"{kind == Kind.TRUE}")
        if one.id:  # a long header can have no id before this side has looked at it, which looks like the id 0
            with self.source.block(f"if {_is_tagged(one)}:"):
                self._field(one, name)

    def _resolve(self) -> None:
        """Where the header has its id behind it, the tag is made of that."""
        with self.source.block(f"if buf[pos] < {LONG_FORM}:"):
            self.source(
                "tag = buf[pos]",
                "pos += 1",
                "ident = buf[pos]",
                f"if ident < 128: tag += {self.source.constant('ids', _IDS)}[ident]",
            )
            with self.source.block("else:"):
                self.source(
                    f"ident, pos = {self.source.constant('read_id', read_id)}(buf, pos)",
                    "tag += ident << 4",
                )

    def _tree(self, fields: Sequence[tuple[Field, str]], known: str) -> None:
        """Find the field of the tag, or skip what is not known."""
        if len(fields) > _LEAF:
            middle = len(fields) // 2
            with self.source.block(f"if tag < {fields[middle][0].id << 4}:"):
                self._tree(fields[:middle], known)
            with self.source.block("else:"):
                self._tree(fields[middle:], known)
            return
        word = "if"
        for one, name in fields:
            with self.source.block(f"{word} {_is_tagged(one)}:"):
                self._field(one, name)
            word = "elif"
        skipped = f"tag, pos = {self.source.constant('pass_fields', pass_fields)}(buf, pos, tag, {known}, depth, room)"
        if fields:
            with self.source.block("else:"):
                self.source(skipped)
        else:
            self.source(skipped)

    def _field(self, one: Field, name: str, is_true: str = "") -> None:
        """One field whose header ends at ``pos``; moves ``pos`` and ``tag`` to the next."""
        if one.type is BOOL:
            self.source(f"{name} = {is_true or f'tag == {one.id << 4 | Kind.TRUE}'}", "pos += 1")
        else:
            self.contents.value(one.type, name, 1, 1)
        taken, more = in_field(one.type), f" + len({name})" if isinstance(one.type, TextType) else ""
        if self.contents.used and (taken or more):
            self.source(f"used += {taken}{more}")
        self.source(f"tag = {one.id << 4} + buf[pos]" if one.id else "tag = buf[pos]")

    def _finish(self, struct: Struct, names: Sequence[str]) -> None:
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


def _is_tagged(one: Field) -> str:
    """The test for the tag of a field."""
    return " or ".join(f"tag == {one.id << 4 | kind}" for kind in kinds_of(one.type))
