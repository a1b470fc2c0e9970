"""The only contact with thriftpy2's parser: text to a module of its classes, all types resolved.

Three things are done here and not there. Includes are modules that were loaded before, so that two files of one name
are two modules. Types that are used before they are defined are looked up when all are known, in services too, where
thriftpy2 leaves placeholders behind. And what it drops in silence is missed.
"""

from __future__ import annotations

import functools
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from types import ModuleType
from typing import Any, Final

from ply import yacc
from thriftpy2.parser import parser as thriftpy2_parser
from thriftpy2.parser.exc import ThriftParserError

from callosum.errors import ConfigurationError
from callosum.upper.thrift.outline import Outline

_LINE: Final = re.compile(r",?\s*at line (\d+)")
_OF_FILE: Final = re.compile(r" of the file '.*'")
_META: Final = {
    "struct": "structs",
    "union": "unions",
    "exception": "exceptions",
    "enum": "enums",
    "service": "services",
}


def parse(text: str, outline: Outline, name: str, includes: Mapping[str, ModuleType]) -> ModuleType:
    """The module of a file's text.

    Args:
        text: The file's.
        outline: What the text defines.
        name: The module's.
        includes: The included modules, by the names with which the text refers to them.

    Raises:
        ConfigurationError: The text is not what thriftpy2's parser can read.
    """
    module = ModuleType(name)
    attributes: dict[str, object] = {"__thrift_file__": outline.path, "__thrift_namespaces__": {}, **includes}
    vars(module).update(attributes)
    untyped: Any = thriftpy2_parser
    context = untyped.ParseContext()
    try:
        with untyped._parse_lock:  # noqa: SLF001 - PLY is not safe for threads, and this is its lock
            untyped._parse_data(  # noqa: SLF001 - parse() would find the includes by itself
                _without_includes(text, outline), module, context, None, _grammar(), is_root=False
            )
    except ThriftParserError as error:
        raise ConfigurationError(_message(str(error), outline.path)) from error
    except RecursionError as error:
        raise ConfigurationError(f"{outline.path}: the file is nested too deep to be read") from error
    except (AssertionError, AttributeError, IndexError, KeyError, OSError, TypeError, ValueError) as error:
        raise ConfigurationError(
            f"{outline.path}: thriftpy2's parser failed on it ({type(error).__name__}: {error}): look for a constant "
            "or a default that does not fit its type"
        ) from error
    meta: dict[str, list[object]] = vars(module).setdefault("__thrift_meta__", defaultdict(list))
    meta["includes"] = list(includes.values())
    _check_all_there(module, outline)
    _Resolver(module, dict(context.incomplete_type), outline.path).resolve_all()
    return module


@functools.cache
def _grammar() -> Any:  # PLY has no types
    """PLY's tables for thriftpy2's grammar: making them takes longer than reading a file."""
    return yacc.yacc(module=thriftpy2_parser, debug=False, write_tables=False)


def _without_includes(text: str, outline: Outline) -> str:
    for one in outline.includes:
        statement = text[one.start : one.end]
        text = text[: one.start] + re.sub(r"[^\n]", " ", statement) + text[one.end :]
    return text


def _message(said: str, path: str) -> str:
    """``file:line: what``, of a message of thriftpy2's."""
    line = _LINE.search(said)
    place = f"{path}:{line.group(1)}" if line else path
    what = _OF_FILE.sub("", _LINE.sub("", said))
    if what.startswith("Grammar error at EOF"):
        return f"{place}: the file ends in the middle of a definition: close what is open"
    if grammar := re.fullmatch(r"Grammar error (.*)", what):
        return f"{place}: {grammar.group(1)} cannot stand here: look at what is before it"
    if "reserved language keyword" in what:
        return f"{place}: {what}: rename it, thriftpy2's parser takes no word that any language reserves"
    return f"{place}: {what}"


def _check_all_there(module: ModuleType, outline: Outline) -> None:
    meta: Mapping[str, list[type]] = getattr(module, "__thrift_meta__", {})
    for one in outline.definitions:
        if one.kind in _META:
            is_there = any(cls.__name__ == one.name for cls in meta.get(_META[one.kind], []))
        else:
            is_there = hasattr(module, one.name)
        if not is_there:
            raise ConfigurationError(
                f"{outline.path}:{one.line}: thriftpy2's parser dropped the {one.kind} {one.name} without a word: "
                "look for names in it, or in what is before it, that Python reserves"
            )


class _Resolver:
    """Puts the types in place of the placeholders that the parser left: negative numbers."""

    def __init__(self, module: ModuleType, unresolved: Mapping[int, tuple[str, int]], path: str) -> None:
        self.module = module
        self.unresolved = unresolved
        self.path = path

    def resolve_all(self) -> None:
        for name, value in list(vars(self.module).items()):
            if isinstance(value, int | tuple) and not isinstance(value, bool) and self.is_unresolved(value):
                setattr(self.module, name, self.type(value))
        for cls in struct_classes(self.module):
            specs: dict[int, tuple[Any, ...]] = vars(cls)["thrift_spec"]
            for ident, spec in specs.items():
                specs[ident] = self.spec(spec)

    def is_unresolved(self, value: object) -> bool:
        if isinstance(value, tuple):
            return value[:1] != ("UNKNOWN_CONST",) and any(self.is_unresolved(part) for part in value)
        return value in self.unresolved if isinstance(value, int) and not isinstance(value, bool) else False

    def spec(self, spec: tuple[Any, ...]) -> tuple[Any, ...]:
        """A field: its type is the first and, where there are four, the third part."""
        kind = self.type(spec[0] if len(spec) == 3 else (spec[0], spec[2]))
        if isinstance(kind, tuple):
            return (kind[0], spec[1], kind[1], spec[-1])
        return (kind, spec[1], spec[-1])

    def type(self, kind: Any, seen: frozenset[int] = frozenset()) -> Any:  # thriftpy2's: a number, or a tuple
        """A type without placeholders."""
        if isinstance(kind, tuple):
            number, detail = kind
            if isinstance(detail, type):
                return kind
            if isinstance(detail, tuple) and number == 13:  # a map's two
                return number, tuple(self.type(part, seen) for part in detail)
            return number, self.type(detail, seen)
        if kind not in self.unresolved:
            return kind
        name, line = self.unresolved[kind]
        if kind in seen:
            raise ConfigurationError(f"{self.path}:{line}: the typedef {name} is its own type")
        found: Any = self.module
        for part in name.split("."):
            found = getattr(found, part, None)
        if isinstance(found, type) and hasattr(found, "_ttype"):
            return vars(found)["_ttype"], found
        if isinstance(found, int | tuple) and not isinstance(found, bool):
            return self.type(found, seen | {kind})
        raise ConfigurationError(f"{self.path}:{line}: there is no type {name}: define it, or include its file")


def struct_classes(module: ModuleType) -> Iterator[type]:
    """All classes with fields that a module defines, those of its methods too."""
    meta: Mapping[str, list[type]] = getattr(module, "__thrift_meta__", {})
    for kind in ("structs", "unions", "exceptions"):
        yield from meta.get(kind, [])
    for service in meta.get("services", []):
        for value in list(vars(service).values()):
            if isinstance(value, type) and "thrift_spec" in vars(value):
                yield value
