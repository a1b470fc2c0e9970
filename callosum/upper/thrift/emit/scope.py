"""The names of one generated module: those of its definitions, and of what it imports.

Laws: what the IDL names comes first. A name of Python's (`list`, `Protocol`, `field`) that the IDL has anywhere in the
file is reached under a private one instead (``_builtins.list``); a type whose name is a field's or a function's, too,
is named ``_Point`` in annotations, because a class body would find the field.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from callosum.upper.thrift.emit.layout import call
from callosum.upper.thrift.idl.model import Const, Document, Enum, Field, Program, Service, Struct, StructKind
from callosum.upper.thrift.naming import (
    EXCEPTIONS_RESERVED,
    FIELDS_RESERVED,
    MEMBERS_RESERVED,
    MODULES_RESERVED,
    PARAMETERS_RESERVED,
    STUBS_RESERVED,
    UNIONS_RESERVED,
    python_name,
    python_names,
)

RUNTIME: Final = "callosum.upper.thrift.runtime"
_PRIVATE: Final = {"builtins": "_builtins", "typing": "_typing", RUNTIME: "_runtime"}
_ORDER: Final = ("abc", "collections.abc", "types", "typing", "uuid", RUNTIME)
_RESERVED: Final[Mapping[StructKind, frozenset[str]]] = {
    StructKind.STRUCT: FIELDS_RESERVED,
    StructKind.UNION: UNIONS_RESERVED,
    StructKind.EXCEPTION: EXCEPTIONS_RESERVED,
}


class ServiceNames:
    """The classes that one service becomes."""

    __slots__ = ("blocking", "handler", "like", "service", "stub")

    def __init__(self, service: str, taken: set[str]) -> None:
        self.service = service
        self.like, self.stub, self.handler = (_free(f"{service}{end}", taken) for end in ("Like", "Stub", "Handler"))
        self.blocking = _free(f"{service}BlockingStub", taken)


def _free(name: str, taken: set[str]) -> str:
    while name in taken:
        name += "_"
    taken.add(name)
    return name


def _private(name: str) -> str:
    """A name beside another one, which nobody imports; two underscores in front would mean something."""
    return f"{name}_" if name.startswith("_") else f"_{name}"


class Scope:
    """The names of one file's module. The same for whoever refers to it."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.definitions = python_names((one.name for one in document.definitions), MODULES_RESERVED)
        taken = set(self.definitions.values())
        self.services = {
            one.name: ServiceNames(self.definitions[one.name], taken)
            for one in document.definitions
            if isinstance(one, Service)
        }
        self.prefixes = {
            one.prefix: _free(python_name(_identifier(one.prefix), MODULES_RESERVED), taken)
            for one in document.includes
        }
        self.members = set(_member_names(document))
        """What stands in the body of a class."""
        self.taken = taken | self.members
        hidden = [one for one in (*self.definitions.values(), *self.prefixes.values()) if one in self.members]
        self._aliases = {one: _free(_private(one), self.taken) for one in hidden}
        self._private_modules: dict[str, str] = {}
        self._imports: dict[str, set[str]] = {}
        self._modules: set[str] = set()

    def public(self) -> list[str]:
        """What the module is for, in the order of the file."""
        names: list[str] = []
        for one in self.document.definitions:
            names.append(self.definitions[one.name])
            if isinstance(one, Service):
                made = self.services[one.name]
                names += [made.like, made.stub, made.blocking, made.handler]
        return names

    def annotation(self, name: str) -> str:
        """A definition's or an include's name where a class body is around it."""
        return self._aliases.get(name, name)

    def aliased(self, name: str) -> list[str]:
        """The line that gives a definition the private name that `annotation` uses, if it does."""
        return [f"{self._aliases[name]} = {name}"] if name in self._aliases else []

    def use(self, module: str, name: str) -> str:
        """How the text names what a module of Python's or callosum's has; imports it."""
        if name in self.taken:
            private = self._private_module(module)
            self._modules.add(f"import {module} as {private}")
            return f"{private}.{name}"
        if module != "builtins":
            self._imports.setdefault(module, set()).add(name)
        return name

    def _private_module(self, module: str) -> str:
        if module not in self._private_modules:
            wanted = _PRIVATE.get(module, f"_{module.replace('.', '_')}")
            self._private_modules[module] = _free(wanted, self.taken)
        return self._private_modules[module]

    def builtin(self, name: str) -> str:
        """How the text names a builtin."""
        return self.use("builtins", name)

    def typing(self, name: str) -> str:
        """How the text names something of `typing`."""
        return self.use("typing", name)

    def runtime(self, name: str) -> str:
        """How the text names something that generated modules are made of."""
        return self.use(RUNTIME, name)

    def import_lines(self) -> list[str]:
        """What was used until now."""
        lines = sorted(self._modules)
        ours: list[str] = []
        for module in _ORDER:
            names = sorted(
                self._imports.get(module, ()), key=lambda name: (not name.isupper(), not name[0].isupper(), name)
            )
            if not names:
                continue
            line = f"from {module} import {', '.join(names)}"
            made = [line] if len(line) <= 100 else call(f"from {module} import (", names, ")")
            if module == RUNTIME:
                ours = made
            else:
                lines += made
        return [*lines, *([""] if lines and ours else []), *ours]


def _identifier(name: str) -> str:
    made = "".join(one if one.isalnum() or one == "_" else "_" for one in name)
    return made if made.isidentifier() else f"_{made}"


def field_names(struct: Struct) -> dict[str, str]:
    """The attributes of a struct, by the names of its fields."""
    return python_names((one.name for one in struct.fields), _RESERVED[struct.kind])


def member_names(enum: Enum) -> dict[str, str]:
    """The members of an enum."""
    words = {one.name for one in enum.members if _is_word_of_enums(one.name)}
    return python_names((one.name for one in enum.members), MEMBERS_RESERVED | words)


def _is_word_of_enums(name: str) -> bool:
    """Whether a name is like ``_order_``: Python keeps those for its own."""
    return name.startswith("_") and name.endswith("_")


def parameter_names(fields: tuple[Field, ...]) -> dict[str, str]:
    """The parameters of a function, or the exceptions that it throws."""
    return python_names((one.name for one in fields), PARAMETERS_RESERVED)


def function_name(name: str) -> str:
    """A method of stub and handler."""
    return python_name(name, STUBS_RESERVED)


def _member_names(document: Document) -> Iterator[str]:
    for one in document.definitions:
        if isinstance(one, Struct):
            yield from field_names(one).values()
        elif isinstance(one, Enum):
            yield from member_names(one).values()
        elif isinstance(one, Service):
            for function in one.functions:
                yield function_name(function.name)
                yield from parameter_names(function.parameters).values()


class Scopes:
    """Those of all files of a program."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self._made: dict[Document, Scope] = {}

    def of(self, document: Document) -> Scope:
        """The scope of a file."""
        if document not in self._made:
            self._made[document] = Scope(document)
        return self._made[document]

    def path(self, document: Document, other: Document) -> str | None:
        """How a file's module reaches that of another, perhaps through modules that it includes: ``shared.common``."""
        waiting = [(document, "")]
        seen = {document}
        while waiting:
            here, path = waiting.pop(0)
            for prefix, included in self.program.includes[here].items():
                name = self.of(here).prefixes[prefix]
                name = self.of(document).annotation(name) if not path else name
                if included is other:
                    return path + name
                if included not in seen:
                    seen.add(included)
                    waiting.append((included, f"{path}{name}."))
        return None

    def is_circular(self, document: Document, other: Document) -> bool:
        """Whether each of two files includes the other, perhaps through others."""
        return document is not other and self.path(other, document) is not None


__all__ = ["RUNTIME", "Const", "Scope", "Scopes", "field_names", "function_name", "member_names", "parameter_names"]
