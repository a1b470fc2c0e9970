"""Grows .thrift files that are right: their tokens, and text with odd blanks and comments between them.

Everything is in the order that Apache's compiler asks for: a name stands before what uses it.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

Tokens = list[str]

NAMES = (
    "a", "b", "id", "type", "str", "None", "True_", "self_", "match", "nonlocal", "uuid4", "Exception", "object",
    "List", "i65", "e5", "String", "lists", "_x", "x1", "names", "structs", "Async", "value", "x_", "I32", "oneways",
    "float64", "requires", "E1", "Z", "l0", "bytes", "len", "service_", "const_", "__init", "eval", "int", "dict",
)  # fmt: skip
_BASE = ("bool", "byte", "i8", "i16", "i32", "i64", "double", "string", "binary")
_BITS = {"byte": 8, "i8": 8, "i16": 16, "i32": 32, "i64": 64}
_TEXTS = (
    '""',
    "''",
    '"a"',
    "'it\"s'",
    '"it\'s"',
    '"tab\\t nl\\n q\\" b\\\\"',
    "'Zürich 日本'",
    '"// no # comment /* */"',
)
_DOCS = (
    "/** one line */", "/**\n * Stars\n *   indented\n *\n * end\n */", "/** first\n    second\n  third */", "/***/",
    "/**\n  no stars\n\n   more */", "/** a\n * b\n   c\n */", "/***\n ** two\n ***/", "/**\t tab \t*/",
    "/**\r\n * carriage\r\n * returns\r\n */", "/** x **/",
)  # fmt: skip
_BLANKS = (
    " ",
    " ",
    " ",
    "\n",
    "\n",
    "  ",
    "\t",
    "\r\n",
    "\n\n",
    " /* c */ ",
    " // c\n",
    " # c \"'\n",
    "/**/",
    "/* * / */",
)


@dataclass(frozen=True)
class Kind:
    """A type: how it is written, and how values of it are."""

    tokens: tuple[str, ...]
    value: Callable[[random.Random], Tokens] | None = None
    """None where a value cannot be written yet."""
    key: str = ""
    """What constants of the same type have in common, for those that can be named."""


@dataclass
class Known:
    """What a file has defined so far, as others write it."""

    kinds: list[Kind] = field(default_factory=list)
    exceptions: list[str] = field(default_factory=list)
    services: list[tuple[str, frozenset[str]]] = field(default_factory=list)
    constants: list[tuple[str, str]] = field(default_factory=list)
    """Names, and the keys of their types."""

    def of(self, prefix: str) -> Known:
        """The same for a file that includes it."""
        return Known(
            [Kind((f"{prefix}.{one.tokens[0]}",), _prefixed(prefix, one.value), one.key) for one in self.kinds],
            [f"{prefix}.{one}" for one in self.exceptions],
            [(f"{prefix}.{one}", functions) for one, functions in self.services],
            [(f"{prefix}.{one}", key) for one, key in self.constants],
        )


def _prefixed(prefix: str, value: Callable[[random.Random], Tokens] | None) -> Callable[[random.Random], Tokens] | None:
    """Values in which members and constants are those of an included file."""

    def made(source: random.Random) -> Tokens:
        assert value is not None
        return [
            f"{prefix}.{one}" if one[0].isidentifier() and one not in {"true", "false"} else one
            for one in value(source)
        ]

    return made if value else None


class Grower:
    """Grows one file."""

    def __init__(self, source: random.Random, included: dict[str, Known] | None = None) -> None:
        self.source = source
        self.known = Known()
        self.included = included or {}
        for prefix, theirs in self.included.items():
            there = theirs.of(prefix)
            self.known.kinds += there.kinds
            self.known.exceptions += there.exceptions
            self.known.services += there.services
            self.known.constants += there.constants
        self.own = Known()
        self._count = 100 * bool(included)  # no name of an included file: Apache's compiler takes them for the same

    def tokens(self) -> Tokens:
        """The tokens of the whole file."""
        made: Tokens = []
        for _ in range(self.source.randrange(4)):
            made += self._header()
        for prefix in self.included:
            made += ["include", f'"{prefix}.thrift"']
        grow = (self._typedef, self._enum, self._struct, self._union, self._exception, self._const, self._service)
        for _ in range(self.source.randrange(1, 12)):
            made += self.source.choice(grow)()
        return made

    def text(self) -> str:
        """The file."""
        return laid_out(self.tokens(), self.source)

    # --- small things ------------------------------------------------------------------------------------------------

    def _maybe(self, share: float = 0.5) -> bool:
        return self.source.random() < share

    def _new_name(self) -> str:
        """A name that no other definition has."""
        self._count += 1
        return f"{self.source.choice(NAMES)}{self._count}"

    def _names(self, most: int) -> list[str]:
        return self.source.sample(NAMES, self.source.randrange(most))

    def _separator(self) -> Tokens:
        return [self.source.choice((",", ";"))] if self._maybe(0.7) else []

    def _annotations(self, share: float = 0.2) -> Tokens:
        if not self._maybe(share):
            return []
        made = ["("]
        for name in self.source.sample(("a", "b.c", "js.type", "deprecated", "x"), self.source.randrange(4)):
            made += [name, *(["=", self.source.choice(_TEXTS)] if self._maybe(0.8) else []), *self._separator()]
        return [*made, ")"]

    def _header(self) -> Tokens:
        scope = self.source.choice(("py", "java", "cpp", "rb", "*", "py.twisted"))
        if self._maybe(0.2):
            return ["cpp_include", '"<vector>"']
        annotations = self._annotations() if scope != "*" else []
        return ["namespace", scope, self.source.choice(("a", "a.b", "x.y.z", "None")), *annotations]

    def _integer(self, bits: int) -> str:
        value = self.source.choice((0, 1, -1, 7, (1 << bits - 1) - 1, -(1 << bits - 1), self.source.randrange(100)))
        match self.source.randrange(5):
            case 0 if value > -(1 << 63):
                return f"{'-' if value < 0 else self.source.choice(('', '+'))}0x{abs(value):{self.source.choice('xX')}}"
            case 1 if value >= 0:
                return f"+{value}"
            case 2 if value >= 0:
                return f"00{value}"
            case _:
                return str(value)

    # --- types -------------------------------------------------------------------------------------------------------

    def _kind(self, depth: int = 0) -> Kind:
        choice = self.source.random()
        if choice < 0.3 and depth < 3:
            return self._container(depth + 1)
        if choice < 0.6 and self.known.kinds:
            return self.source.choice(self.known.kinds)
        return self._base()

    def _base(self) -> Kind:
        name = self.source.choice(_BASE)
        return Kind((name, *self._annotations(0.1)), lambda source: self._base_value(name), name)

    def _base_value(self, name: str) -> Tokens:
        named = [one for one, key in self.known.constants if key == name]
        if named and self._maybe(0.3):
            return [self.source.choice(named)]
        if name == "bool":
            return [self.source.choice(("true", "false", "0", "1"))]
        if name in _BITS:
            return [self._integer(_BITS[name])]
        if name == "double":
            return [self.source.choice(("1.5", "-0.25", "1e10", "+2.5E-3", ".5", "-.5e2", "3", "0x10", "1.7e308"))]
        return [self.source.choice(_TEXTS)]

    def _container(self, depth: int) -> Kind:
        cpp = ["cpp_type", '"std::x"'] if self._maybe(0.1) else []  # behind a list, before the types of others
        element = self._kind(depth)
        end = self._annotations(0.1)
        if self._maybe(0.3):
            key = self._key_kind()
            tokens = ("map", *cpp, "<", *key.tokens, ",", *element.tokens, ">", *end)
            return Kind(tokens, self._map_value(key, element))
        kind = self.source.choice(("list", "set"))
        if kind == "list":
            return Kind((kind, "<", *element.tokens, ">", *cpp, *end), self._list_value(kind, element))
        return Kind((kind, *cpp, "<", *element.tokens, ">", *end), self._list_value(kind, element))

    def _key_kind(self) -> Kind:
        """JSON has text as keys of maps, so those of Apache's compiler must be scalars."""
        name = self.source.choice(("i8", "i16", "i32", "i64", "string"))
        return Kind((name,), lambda source: [self._integer(8)] if name != "string" else [source.choice(_TEXTS)], name)

    def _list_value(self, kind: str, element: Kind) -> Callable[[random.Random], Tokens] | None:
        def made(source: random.Random) -> Tokens:
            assert element.value is not None
            most = 2 if kind == "set" else 4  # what is in a set twice is refused
            parts = [[*element.value(source), *self._separator()] for _ in range(source.randrange(most))]
            return ["[", *(one for part in parts for one in part), "]"]

        return made if element.value else None

    def _map_value(self, key: Kind, element: Kind) -> Callable[[random.Random], Tokens] | None:
        def made(source: random.Random) -> Tokens:
            assert element.value is not None
            assert key.value is not None
            if not self._maybe(0.7):
                return ["{", "}"]
            return ["{", *key.value(source), ":", *element.value(source), *self._separator(), "}"]

        return made if element.value else None

    # --- definitions -------------------------------------------------------------------------------------------------

    def _define(self, name: str, value: Callable[[random.Random], Tokens] | None, key: str = "") -> None:
        for known in (self.known, self.own):
            known.kinds.append(Kind((name,), value, key))

    def _typedef(self) -> Tokens:
        kind, name = self._kind(), self._new_name()
        self._define(name, kind.value if kind.key in _BASE else None, kind.key)
        return ["typedef", *kind.tokens, name, *self._annotations(), *self._separator()]

    def _enum(self) -> Tokens:
        name = self._new_name()
        members = self._names(6)
        made = ["enum", name, "{"]
        for one in members:
            value = ["=", self._integer(self.source.choice((8, 16, 31)))] if self._maybe() else []
            made += [one, *value, *self._annotations(), *self._separator()]
        if members:
            self._define(name, lambda source: [f"{name}.{source.choice(members)}"])
        return [*made, "}", *self._annotations()]

    def _struct(self) -> Tokens:
        return self._with_fields("struct")

    def _exception(self) -> Tokens:
        return self._with_fields("exception")

    def _union(self) -> Tokens:
        return self._with_fields("union")

    def _with_fields(self, word: str) -> Tokens:
        name = self._new_name()
        all_ = ["xsd_all"] if word != "exception" and self._maybe(0.1) else []
        fields = self._fields(word)
        made = [word, name, *all_, "{", *(one for part in fields for one in part[0]), "}", *self._annotations()]
        values = {field_name: kind.value for _, field_name, kind in fields}
        if word == "exception":
            self.known.exceptions.append(name)
            self.own.exceptions.append(name)
        self._define(name, self._struct_value(word, values))
        return made

    def _struct_value(
        self, word: str, values: dict[str, Callable[[random.Random], Tokens] | None]
    ) -> Callable[[random.Random], Tokens] | None:
        if word == "exception" or (word == "union" and not values) or None in values.values():
            return None

        def made(source: random.Random) -> Tokens:
            names = [source.choice(list(values))] if word == "union" else list(values)
            tokens = ["{"]
            for one in names:
                value = values[one]
                assert value is not None
                tokens += [f'"{one}"', ":", *value(source), *self._separator()]
            return [*tokens, "}"]

        return made

    def _fields(self, of: str) -> list[tuple[Tokens, str, Kind]]:
        """Fields, each with its name and type."""
        ids = self.source.sample(range(1, 40), 8)
        made, counted = [], -1
        for name in self._names(6):
            number: Tokens = []
            if self._maybe(0.8):
                value = ids.pop()
                number = [self.source.choice((str(value), f"+{value}", hex(value), f"0{value}")), ":"]
            else:
                number = [str(counted), ":"] if self._maybe(0.3) else []
                counted -= 1
            kind = self._kind()
            tokens = [*number, *self._required(of), *kind.tokens, *(["&"] if self._maybe(0.1) else []), name]
            if kind.value and of != "union" and self._maybe(0.3):
                tokens += ["=", *kind.value(self.source)]
            tokens += ["xsd_optional"] if self._maybe(0.05) else []
            made.append(([*tokens, *self._annotations(), *self._separator()], name, kind))
        return made

    def _required(self, of: str) -> Tokens:
        choice = self.source.choice(("", "", "required", "optional"))
        return [choice] if choice and not (of == "union" and choice == "required") else []

    def _const(self) -> Tokens:
        kind = self._kind()
        while kind.value is None:
            kind = self._kind()
        name = self._new_name()
        made = ["const", *kind.tokens, name, "=", *kind.value(self.source), *self._separator()]
        if kind.key in _BASE and kind.tokens[0] == kind.key != "double":  # Apache's compiler takes 0 for a named double
            self.known.constants.append((name, kind.key))
            self.own.constants.append((name, kind.key))
        return made

    def _service(self) -> Tokens:
        name = self._new_name()
        base, inherited = self.source.choice(self.known.services) if self.known.services else ("", frozenset[str]())
        extends = ["extends", base] if base and self._maybe() else []
        taken = inherited if extends else frozenset[str]()
        functions = [one for one in self._names(6) if one not in taken]
        made = ["service", name, *extends, "{"]
        for one in functions:
            made += self._function(one)
        for known in (self.known, self.own):
            known.services.append((name, taken | set(functions)))
        return [*made, "}", *self._annotations()]

    def _function(self, name: str) -> Tokens:
        is_oneway = self._maybe(0.2)
        before = [self.source.choice(("oneway", "async"))] if is_oneway else []
        returns = ("void",) if is_oneway or self._maybe(0.3) else self._kind().tokens
        parameters = [one for part in self._fields("function") for one in part[0]]
        made = [*before, *returns, name, "(", *parameters, ")"]
        if not is_oneway and self.known.exceptions and self._maybe():
            thrown = self.source.sample(self.known.exceptions, min(2, len(self.known.exceptions)))
            made += ["throws", "("]
            for number, one in enumerate(thrown, start=1):
                made += [*([str(number), ":"] if self._maybe(0.8) else []), one, f"e{number}", *self._separator()]
            made.append(")")
        return [*made, *self._annotations(), *self._separator()]


def laid_out(tokens: Tokens, source: random.Random) -> str:
    """Text of tokens, with blanks, comments and doc comments between them."""
    made = "\ufeff" if source.random() < 0.05 else ""
    calm = source.random() < 0.3
    before = " "
    for one in tokens:
        choice = source.random()
        if choice < (0.01 if calm else 0.08):
            made += source.choice(_DOCS)
        elif choice < 0.8 or (before in _WORD and one[0] in _WORD):
            made += " " if calm else source.choice(_BLANKS)
            made += " " if made.endswith("/") else ""
        made += one
        before = one[-1]
    return made + source.choice(("", "\n", " // the end", "/** the end */"))


_WORD = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.+-")
