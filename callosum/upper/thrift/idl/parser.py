"""Text to a `Document`, by recursive descent. The grammar is that of Apache's compiler; docs/idl-files.md has the rest.

Where a definition cannot be read, its fault is noted and the parser goes on with the next one.
"""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches
from pathlib import Path
from typing import Final, NoReturn

from callosum.upper.thrift.idl.cursor import SEPARATORS, Wrong
from callosum.upper.thrift.idl.docs import Docs
from callosum.upper.thrift.idl.faults import MOST_FAULTS, Fault
from callosum.upper.thrift.idl.lexer import END, INTEGER, NAME, NO_PART_NAMES, PART_NAMES, positions_of
from callosum.upper.thrift.idl.model import (
    Const,
    Definition,
    Document,
    Enum,
    Field,
    Function,
    Include,
    Literal,
    Member,
    Namespace,
    Position,
    Reference,
    Requiredness,
    Service,
    Struct,
    StructKind,
    Type,
    Typedef,
)
from callosum.upper.thrift.idl.terms import MOST_NESTED, Terms

_HEADERS: Final = frozenset({"namespace", "include", "cpp_include"})
_DEFINITIONS: Final = frozenset({"typedef", "enum", "struct", "union", "exception", "service", "const"})
_OF_STRUCTS: Final = {"required": Requiredness.REQUIRED, "optional": Requiredness.OPTIONAL, "": Requiredness.DEFAULT}
_OF_UNIONS: Final = _OF_STRUCTS | {"": Requiredness.OPTIONAL}
_OF_FUNCTIONS: Final = _OF_STRUCTS | {"optional": Requiredness.DEFAULT}
"""Apache's compiler ignores ``optional`` there."""
_WRITTEN: Final = " (a field is written as 1: i32 name)"
_A_TYPE: Final = f"a type{_WRITTEN}"
_A_FIELD: Final = "a field, such as 1: i32 name"
_A_FUNCTION: Final = "a function, such as i32 name(1: i32 argument)"
_IDS: Final = range(-(1 << 15), 1 << 15)
_I32: Final = range(-(1 << 31), 1 << 31)


def parse(text: str, path: str = "<string>", real_path: Path | None = None) -> tuple[Document, list[Fault]]:
    """One file as it reads, and its faults; with faults, what could not be read is missing. Names are not looked up."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        found = Fault(path, positions_of(text, [error.start])[0], "half a surrogate pair is no character: leave it out")
        return Document(path, text, (), (), (), "", real_path), [found]
    return _Parser(text.removeprefix("\ufeff"), path).document(text, real_path)


class _Parser(Terms):
    """Headers and definitions."""

    def __init__(self, text: str, path: str) -> None:
        super().__init__(text, path)
        self._docs = Docs(self._comments)
        self._namespaces: list[Namespace] = []
        self._includes: list[Include] = []
        self._definitions: list[Definition] = []
        self._next_id = -1
        self._parsers: dict[str, Callable[[str], Definition]] = {
            "struct": self._struct, "union": self._struct, "exception": self._struct, "enum": self._enum,
            "typedef": self._typedef, "const": self._const, "service": self._service,
        }  # fmt: skip

    def document(self, text: str, real_path: Path | None) -> tuple[Document, list[Fault]]:
        while self._kinds[self._at] is not END and len(self.faults) < MOST_FAULTS:
            begin = self._at
            try:
                self._header_or_definition()
            except Wrong as wrong:
                self._fault(wrong.position, wrong.message)
                self._skip(begin)
        document = Document(
            path=self._path,
            text=text,
            namespaces=tuple(self._namespaces),
            includes=tuple(self._includes),
            definitions=tuple(self._definitions),
            doc=self._docs.of_file(),
            real_path=real_path,
        )
        return document, self.faults

    def _skip(self, begin: int) -> None:
        """Go on to where the next definition seems to begin.

        That is a word of one outside of all braces, or as the first of its line, no further to the right than the one
        that failed.
        """
        kinds, positions = self._kinds, self._positions
        failed, depth = self._at, 0
        self._at = begin + 1
        while (kind := kinds[self._at]) is not END:
            if kind in _DEFINITIONS or kind in _HEADERS:
                line, column = positions[self._at]
                if positions[self._at - 1].line < line and column <= positions[begin].column:
                    return
                if depth <= 0 and self._at >= failed:
                    return
            depth += (kind == "{") - (kind == "}")
            self._at += 1

    # --- headers -----------------------------------------------------------------------------------------------------

    def _header_or_definition(self) -> None:
        kind = self._kinds[self._at]
        if kind in _DEFINITIONS:
            begin = self._at
            doc = self._docs.take(begin)
            self._at += 1
            self._definitions.append(self._parsers[kind](doc))
            if doc:
                self._docs.placed(self._last(SEPARATORS if kind in {"typedef", "const"} else {")"}))
        elif kind in _HEADERS:
            if self._definitions:
                self._fault(self._positions[self._at], f"{kind} has to stand before the first definition: move it up")
            self._docs.take(self._at)
            may_go_on = kind == "namespace" and self._kinds[self._at + 1] != "*"  # with annotations
            self._header(kind)
            self._docs.header(self._last({")"}) if may_go_on else self._at - 1)
        else:
            self._no_beginning()

    def _no_beginning(self) -> NoReturn:
        kind, text = self._kinds[self._at], self._texts[self._at]
        near = get_close_matches(text, sorted(_DEFINITIONS | _HEADERS), 1, 0.7) if kind is NAME else []
        message = self._why_not(
            "a definition, which begins with struct, union, exception, enum, typedef, const or service"
        )
        if near:
            message = f"{text} begins no definition: did you mean {near[0]}?"
        elif kind in SEPARATORS:
            message = f"a definition needs no {text} behind it: leave it out"
        elif kind == "}":
            message = "this } closes nothing: leave it out, or look for one too many before it"
        raise Wrong(self._positions[self._at], message)

    def _header(self, kind: str) -> None:
        position = self._positions[self._at]
        self._at += 1
        if kind == "include":
            self._includes.append(Include(self._text("the path of a file"), position))
        elif kind == "cpp_include":
            self._text("the path of a file of C++")
        else:
            self._namespace(position)

    def _namespace(self, position: Position) -> None:
        at = self._at
        if self._kinds[at] is not NAME and self._kinds[at] != "*":
            self._expected("a language or * behind namespace")
        if self._kinds[at + 1] is not NAME:
            self._at += 1
            self._expected("the name of the namespace")
        self._at = at + 2
        self._namespaces.append(Namespace(self._texts[at], self._texts[at + 1], position, self._annotations()))

    # --- definitions -------------------------------------------------------------------------------------------------

    def _typedef(self, doc: str) -> Typedef:
        position = self._positions[self._at - 1]
        kind = self._type()
        name = self._type_name("a typedef")
        made = Typedef(name, kind, position, doc, self._annotations())
        self._separator()
        return made

    def _const(self, doc: str) -> Const:
        position = self._positions[self._at - 1]
        kind = self._type()
        name = self._name("a constant")
        self._expect("=", "behind the name of a constant")
        made = Const(name, kind, self._literal(), position, doc, self._annotations())
        self._separator()
        return made

    def _type_name(self, of: str) -> str:
        position = self._positions[self._at]
        name = self._name(of)
        if name == "uuid":
            self._fault(
                position, f"uuid is a type of the IDL and cannot name {of}: take another name, Uuid for example"
            )
        return name

    def _enum(self, doc: str) -> Enum:
        position = self._positions[self._at - 1]
        name = self._type_name("an enum")
        self._expect("{", f"behind enum {name}")
        members: list[Member] = []
        value = -1
        while self._kinds[self._at] != "}":
            members.append(self._member(name, position, value))
            value = members[-1].value
        self._at += 1
        return Enum(name, tuple(members), position, doc, self._annotations())

    def _member(self, enum: str, begin: Position, before: int) -> Member:
        at = self._at
        self._check_closed(f"enum {enum}", begin)
        doc = self._docs.take(at)
        name = self._part_name(f"a member of {enum}")
        has_value = self._kinds[self._at] == "="
        value = before + 1
        if has_value:
            self._at += 1
            if self._kinds[self._at] is not INTEGER:
                self._expected(f"the integer that is the value of {name}")
            value = self._integer()
        if value not in _I32:
            self._fault(self._positions[at], f"the value of {enum}.{name}, {value}, does not fit into 32 bits")
        made = Member(name, value, self._positions[at], doc, self._annotations(), has_value)
        self._separator()
        if doc:
            self._docs.placed(self._last())
        return made

    def _check_closed(self, of: str, begin: Position, end: str = "}") -> None:
        """What begins a definition in the place of a part of one says that a brace is missing."""
        kind = self._kinds[self._at]
        if kind is END or (kind in _DEFINITIONS and self._positions[self._at].column <= begin.column):
            found = "the file ends here" if kind is END else f"{kind} begins something else here"
            message = f"{found}, and {of} in line {begin.line} is still open: its {end} is missing"
            raise Wrong(self._positions[self._at], message)

    def _struct(self, doc: str) -> Struct:
        at = self._at
        kind = StructKind(self._kinds[at - 1])
        of = "an exception" if kind is StructKind.EXCEPTION else f"a {kind.value}"
        name = self._type_name(of)
        if self._kinds[self._at] == "xsd_all" and kind is not StructKind.EXCEPTION:
            self._at += 1
        self._expect("{", f"behind {kind.value} {name}")
        requiredness = _OF_UNIONS if kind is StructKind.UNION else _OF_STRUCTS
        fields = self._fields("}", requiredness, f"{kind.value} {name}", self._positions[at - 1])
        return Struct(kind, name, fields, self._positions[at - 1], doc, self._annotations())

    def _fields(
        self, end: str, requiredness: dict[str, Requiredness], of: str, begin: Position, depth: int = 0
    ) -> tuple[Field, ...]:
        """Go over fields and the bracket that ends them."""
        fields: list[Field] = []
        kinds = self._kinds
        self._next_id = -1
        while kinds[self._at] != end:
            self._check_closed(of, begin, end)
            fields.append(self._field(requiredness, depth))
        self._at += 1
        return tuple(fields)

    def _field(self, requiredness: dict[str, Requiredness], depth: int) -> Field:
        kinds, at = self._kinds, self._at
        position = self._positions[at]
        doc = self._docs.take(at)
        has_id = kinds[at] is INTEGER
        number = self._field_id() if has_id else self._counted(position)
        word = kinds[self._at]
        if word in requiredness:
            self._at += 1
        kind = self._type(what=_A_TYPE if has_id else _A_FIELD)
        if kinds[self._at] == "&":
            self._at += 1
        name = self._part_name("a field", _WRITTEN)
        default: Literal | None = None
        if kinds[self._at] == "=":
            self._at += 1
            default = self._literal()
        if kinds[self._at] in NO_PART_NAMES:
            self._xsd(depth)
        annotations = self._annotations() if kinds[self._at] == "(" else ()
        self._separator()
        if doc:
            self._docs.placed(self._last())
        needed = requiredness.get(word) or requiredness[""]
        return Field(number, name, kind, needed, position, default, doc, annotations, has_id)

    def _counted(self, position: Position) -> int:
        """The id of a field that has none."""
        number = self._next_id
        self._next_id -= 1
        if number < -(1 << 15):
            self._fault(position, "there are more fields without an id than ids: write ids")
        return number

    def _field_id(self) -> int:
        """Go over an id and its colon."""
        position = self._positions[self._at]
        number = self._integer()
        self._expect(":", f"behind the id {number}")
        if number not in _IDS:
            self._fault(position, f"the id {number} is out of range: ids are 1 to {_IDS[-1]}")
        if number <= 0:
            self._next_id = number - 1
        return number

    def _part_name(self, of: str, written: str = "") -> str:
        """Go over the name of a part of a definition, which can be a word of the IDL: nothing else can stand there."""
        at = self._at
        kind = self._kinds[at]
        if kind in PART_NAMES:
            self._at = at + 1
            return kind
        return self._name(of, written)

    def _xsd(self, depth: int) -> None:
        """Go over what was for XML schemas, and means nothing today."""
        for word in ("xsd_optional", "xsd_nillable"):
            if self._kinds[self._at] == word:
                self._at += 1
        if self._kinds[self._at] == "xsd_attrs":
            position = self._positions[self._at]
            self._at += 1
            if depth >= MOST_NESTED:
                raise Wrong(position, f"xsd_attrs are nested deeper than {MOST_NESTED} here: leave them out")
            self._expect("{", "behind xsd_attrs")
            self._fields("}", _OF_STRUCTS, "xsd_attrs", position, depth + 1)

    # --- services ----------------------------------------------------------------------------------------------------

    def _service(self, doc: str) -> Service:
        position = self._positions[self._at - 1]
        name = self._type_name("a service")
        extends = None
        if self._kinds[self._at] == "extends":
            at = self._at = self._at + 1
            if self._kinds[at] is not NAME:
                self._expected("the name of a service")
            extends = Reference(self._texts[at], self._positions[at])
            self._at += 1
        self._expect("{", f"behind service {name}")
        functions: list[Function] = []
        while self._kinds[self._at] != "}":
            self._check_closed(f"service {name}", position)
            functions.append(self._function())
        self._at += 1
        return Service(name, tuple(functions), position, extends, doc, self._annotations())

    def _function(self) -> Function:
        kinds, at = self._kinds, self._at
        position = self._positions[at]
        doc = self._docs.take(at)
        is_oneway = kinds[at] in {"oneway", "async"}
        if is_oneway:
            self._at += 1
        returns: Type | None = None
        if kinds[self._at] == "void":
            self._at += 1
        else:
            returns = self._type(what=_A_FUNCTION)
        name = self._part_name("a function")
        self._expect("(", f"behind the name of {name}")
        parameters = self._fields(")", _OF_FUNCTIONS, f"function {name}", position)
        throws: tuple[Field, ...] = ()
        if kinds[self._at] == "throws":
            self._at += 1
            self._expect("(", "behind throws")
            throws = self._fields(")", _OF_FUNCTIONS, f"the exceptions of {name}", position)
        annotations = self._annotations()
        self._separator()
        if doc:
            self._docs.placed(self._last())
        return Function(name, returns, parameters, throws, position, is_oneway, doc, annotations)
