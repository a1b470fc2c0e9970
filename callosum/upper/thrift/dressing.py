"""Makes the classes of thriftpy2's parser into those that `load` promises.

Enums become open: an unknown number is kept, as ``UNKNOWN_77``. Mutable defaults are fresh for each instance. Unions
are marked, exceptions say what they hold, docs are docstrings, and instances can be pickled. The classes stay what
thriftpy2's protocols, clients and servers take.
"""

from __future__ import annotations

import enum
import keyword
from collections.abc import Mapping
from types import ModuleType
from typing import Any, Final

from callosum.errors import ConfigurationError
from callosum.upper.thrift.fault import copier
from callosum.upper.thrift.mismatch import find_mismatch
from callosum.upper.thrift.outline import Definition, Outline
from callosum.upper.thrift.parsing import struct_classes
from callosum.upper.thrift.service import mark_exception
from callosum.upper.thrift.source import Source
from callosum.upper.thrift.spec import (
    SIMPLE_TYPES,
    EnumType,
    ListType,
    MapType,
    SetType,
    StructType,
    Type,
    is_mutable,
    struct_of,
    type_of,
)

_UNSET: Final = object()
_I32: Final = range(-(2**31), 2**31)


class OpenEnum(enum.IntEnum):
    """An enum that keeps numbers which it does not know: ``Color(77)`` is ``Color.UNKNOWN_77``, and equals 77."""

    @classmethod
    def _missing_(cls, value: object) -> OpenEnum | None:
        if not isinstance(value, int) or isinstance(value, bool) or value not in _I32:
            return None
        member = int.__new__(cls, value)  # not remembered: a stranger may send all there are
        member._name_ = f"UNKNOWN_{value}"
        member._value_ = value
        return member

    def __repr__(self) -> str:
        return f"{type(self).__name__}.{self.name}"  # also: thriftpy2 puts it into the source of an __init__


def dress(module: ModuleType, outline: Outline) -> None:
    """Make the classes of a freshly parsed module what `load` promises.

    Raises:
        ConfigurationError: A default does not fit its type, an enum or a union has what it cannot have.
    """
    definitions = {one.name: one for one in outline.definitions}
    _Enums(module, outline.path).replace()
    for cls in struct_classes(module):
        cls.__module__ = module.__name__
    for cls in _of_kind(module, "structs", "unions", "exceptions", "enums"):
        cls.__doc__ = definitions[cls.__name__].doc or None
    unions = _of_kind(module, "unions")
    for cls in struct_classes(module):
        cls.__thrift_union__ = cls in unions  # type: ignore[attr-defined]
    for cls in struct_classes(module):
        _set_defaults(cls, outline.path)
    for cls in struct_classes(module):
        _set_init(cls)
    for cls in _of_kind(module, "exceptions"):
        cls.__str__ = _exception_text  # type: ignore[method-assign, assignment]
        mark_exception(cls)
    for cls in _of_kind(module, "services"):
        _dress_service(cls, module.__name__, definitions[cls.__name__])
    _set_constants(module, outline)


def _of_kind(module: ModuleType, *kinds: str) -> list[type]:
    meta: Mapping[str, list[type]] = getattr(module, "__thrift_meta__", {})
    return [cls for kind in kinds for cls in meta.get(kind, [])]


class _Enums:
    """Puts open enums in place of thriftpy2's, in the module and in all types."""

    def __init__(self, module: ModuleType, path: str) -> None:
        self.module = module
        self.path = path
        self.replaced: dict[type, type] = {}

    def replace(self) -> None:
        meta: dict[str, list[type]] = getattr(self.module, "__thrift_meta__", {})
        for index, old in enumerate(meta.get("enums", [])):
            made = _open_enum(old, self.module.__name__, self.path)
            self.replaced[old] = meta["enums"][index] = made
            setattr(self.module, old.__name__, self.replaced[old])
        for name, value in list(vars(self.module).items()):
            if isinstance(value, tuple) and not _is_late(value):
                setattr(self.module, name, self.without_old(value))
        for cls in struct_classes(self.module):
            specs: dict[int, tuple[Any, ...]] = vars(cls)["thrift_spec"]
            for ident, spec in specs.items():
                specs[ident] = tuple(self.without_old(part) for part in spec)
            by_name = {
                spec[1]: (spec[-1], spec[0] if len(spec) == 3 else (spec[0], spec[2])) for spec in specs.values()
            }
            cls._tspec = by_name  # type: ignore[attr-defined]

    def without_old(self, kind: Any) -> Any:  # thriftpy2's: a number, a class, or a tuple of them
        if isinstance(kind, tuple):
            return tuple(self.without_old(part) for part in kind)
        return self.replaced.get(kind, kind) if isinstance(kind, type) else kind


def _open_enum(old: type, module: str, path: str) -> type[OpenEnum]:
    values: dict[str, int] = vars(old)["_NAMES_TO_VALUES"]
    members: dict[str, int] = {}
    for name, value in values.items():
        if value not in _I32:
            raise ConfigurationError(f"{path}: {old.__name__}.{name} = {value}: enum values have 32 bits")
        is_taken = keyword.iskeyword(name) or hasattr(OpenEnum, name) or name in {"name", "value"}
        members[f"{name}_" if is_taken else name] = value
    functional_api: Any = OpenEnum  # calling it makes a class, which type checkers see with literals alone
    try:
        made: type[OpenEnum] = functional_api(old.__name__, members, module=module)
    except (TypeError, ValueError) as error:
        raise ConfigurationError(f"{path}: the enum {old.__name__} cannot be one in Python: {error}") from error
    if len(made.__members__) != len(values):
        raise ConfigurationError(f"{path}: the enum {old.__name__} has names that Python cannot keep apart or refuses")
    for name, value in vars(old).items():
        if name not in {"__module__", "__dict__", "__weakref__", "__doc__"} and name not in values:
            setattr(made, name, value)
    return made


def _set_defaults(cls: type, path: str) -> None:
    """Defaults as values of their types, checked."""
    defaults: list[tuple[str, Any]] = vars(cls)["default_spec"]
    given = {name for name, default in defaults if default is not None}
    if given and vars(cls).get("__thrift_union__"):
        raise ConfigurationError(f"{path}: the union {cls.__name__} has a default for {min(given)}: remove it")
    types = _field_types(cls)
    for index, (name, default) in enumerate(defaults):
        if default is None:
            continue
        place = f"{path}: the default of {cls.__name__}.{name}"
        defaults[index] = (name, _checked(types[name], default, place))


def _field_types(cls: type) -> dict[str, Type]:
    specs: dict[int, tuple[Any, ...]] = vars(cls)["thrift_spec"]
    return {
        spec[1]: type_of(spec[0], spec[2] if len(spec) == 4 else None, f"{cls.__name__}.{spec[1]}")
        for spec in specs.values()
    }


def _checked(kind: Type, value: object, place: str) -> Any:  # a value of any IDL type
    try:
        conformed = _conform(kind, value)
    except (TypeError, ValueError, AttributeError) as error:
        raise ConfigurationError(f"{place} is no {kind.text}: {error}") from error
    return conformed


def _conform(kind: Type, value: Any) -> Any:  # what thriftpy2 read, and a value of any IDL type
    """What stands in the IDL, as a value of the type."""
    if _is_late(value):
        value = value[2]
    match kind:
        case EnumType():
            return kind.cls(value)
        case ListType():
            return [_conform(kind.element, one) for one in value]
        case SetType():
            return {_conform(kind.element, one) for one in value}
        case MapType():
            return {_conform(kind.key, key): _conform(kind.value, one) for key, one in value.items()}
        case StructType():
            return _conform_struct(kind.cls, value)
        case _:
            return _conform_simple(kind, value)


def _is_late(value: object) -> bool:
    """Whether thriftpy2 did not know the type when it read the constant: then the third part is what it read."""
    return isinstance(value, tuple) and value[:1] == ("UNKNOWN_CONST",)


def _conform_simple(kind: Type, value: Any) -> Any:  # what thriftpy2 read, and a value of any IDL type
    match kind.text:
        case "binary" if isinstance(value, str):
            value = value.encode()
        case "bool" if value in {0, 1}:
            value = bool(value)
        case "double" if isinstance(value, int):
            value = float(value)
        case _:
            pass
    if error := find_mismatch(kind, value, ""):
        raise ValueError(str(error))
    return value


def _conform_struct(cls: Any, value: Any) -> Any:  # a class of any fields; a mapping, or an instance
    given: Mapping[str, Any] = value if isinstance(value, dict) else vars(value)
    types, made = _field_types(cls), cls.__new__(cls)
    if unknown := given.keys() - types.keys():
        raise ValueError(f"{cls.__name__} has no field {min(unknown)}")
    defaults: dict[str, Any] = dict(vars(cls)["default_spec"])
    for name, kind in types.items():
        one = given.get(name)
        one = defaults[name] if one is None else one
        setattr(made, name, None if one is None else _conform(kind, one))
    return made


def _set_init(cls: type) -> None:
    """An ``__init__`` as thriftpy2's, but each instance has mutable defaults of its own."""
    defaults: list[tuple[str, Any]] = vars(cls)["default_spec"]
    source = Source("_")
    while any(name.startswith(source.prefix) for name, _ in defaults):
        source.prefix += "_"
    unset = source.constant("unset", _UNSET)
    parameters: list[str] = ["self"]
    for name, default in defaults:
        parameters.append(f"{name}={unset if is_mutable(default) else source.constant('default', default)}")
    with source.block(f"def __init__({', '.join(parameters)}):"):
        source("pass")
        for name, default in defaults:
            if is_mutable(default):
                made = f"{source.constant('fresh', copier(default))}()"
                source(f"self.{name} = {made} if {name} is {unset} else {name}")
            else:
                source(f"self.{name} = {name}")
    init = source.execute(f"<generated {cls.__name__}.__init__>")["__init__"]
    init.__qualname__ = f"{cls.__qualname__}.__init__"
    cls.__init__ = init  # type: ignore[misc]


def _exception_text(self: object) -> str:
    given = {one.name: getattr(self, one.name, None) for one in struct_of(type(self)).fields}
    return ", ".join(f"{name}={value!r}" for name, value in given.items() if value is not None)


def _dress_service(cls: type, module: str, definition: Definition) -> None:
    cls.__module__ = module
    cls.__doc__ = definition.doc or None
    cls.__thrift_function_docs__ = definition.function_docs  # type: ignore[attr-defined]
    for name, value in vars(cls).items():
        if isinstance(value, type) and "thrift_spec" in vars(value):
            value.__qualname__ = f"{cls.__name__}.{name}"


def _set_constants(module: ModuleType, outline: Outline) -> None:
    """Constants as values of their types, checked: thriftpy2 leaves some of them as it read them."""
    for one in outline.definitions:
        if one.kind == "const":
            place = f"{outline.path}:{one.line}: the constant {one.name}"
            kind = _named_type(module, list(one.type), place)
            setattr(module, one.name, _checked(kind, getattr(module, one.name), place))


def _named_type(module: ModuleType, words: list[str], place: str) -> Type:
    """The type that the words name; takes them, and the mark behind, from the list."""
    word = words.pop(0)
    kind: Type
    if word in {"list", "set"}:
        words.pop(0)
        kind = (ListType if word == "list" else SetType)(_named_type(module, words, place))
    elif word == "map":
        words.pop(0)
        kind = MapType(_named_type(module, words, place), _named_type(module, words, place))
    elif word in SIMPLE_TYPES:
        kind = SIMPLE_TYPES[word]
    else:
        kind = _defined_type(module, word, place)
    if words:
        words.pop(0)  # what closes the brackets, or separates key and value
    return kind


def _defined_type(module: ModuleType, name: str, place: str) -> Type:
    found: Any = module  # then a class, or thriftpy2's way to write a type
    for part in name.split("."):
        found = getattr(found, part)
    if isinstance(found, type):
        return EnumType(found) if issubclass(found, OpenEnum) else StructType(found)
    number, detail = found if isinstance(found, tuple) else (found, None)
    return type_of(number, detail, place)
