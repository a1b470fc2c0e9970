"""The bases of structs, unions and declared exceptions in generated modules, and what declares their fields.

A class body says what each field is (``x: float = required(1, "double")``); thriftpy2's metadata (``thrift_spec``,
``default_spec``), the ``__init__`` and the dataclass's fields are made of that when they are first asked for, so that
importing a module of hundreds of structs costs little. The classes are thriftpy2's payloads, and its protocols, clients
and servers take them; to its decoders, which make instances without arguments, they give blank ones.
"""

from __future__ import annotations

import dataclasses
import inspect
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import KW_ONLY
from typing import TYPE_CHECKING, Any, ClassVar, Final, TypeVar, cast, dataclass_transform

from thriftpy2.thrift import TException, TPayload

from callosum.errors import ConfigurationError, Outcome
from callosum.upper.thrift.fault import copier
from callosum.upper.thrift.source import Source
from callosum.upper.thrift.spec import is_mutable
from callosum.upper.thrift.spelling import kind_of

T = TypeVar("T")

MISSING: Final = object()
"""What a required field has that was not given."""


class FieldSpec:
    """What a class body says of one field."""

    __slots__ = ("factory", "id", "is_required", "name", "type")

    def __init__(self, ident: int, spelled: str, factory: Callable[[], object] | None, *, is_required: bool) -> None:
        self.id = ident
        self.type = spelled
        self.factory = factory
        """Makes the default; None where there is none."""
        self.is_required = is_required
        self.name = ""

    @property
    def is_needed(self) -> bool:
        """Whether whoever makes an instance has to give it."""
        return self.is_required and self.factory is None

    def default(self) -> object:
        """A default of its own, or None where there is none."""
        return None if self.factory is None else self.factory()


def required(  # the type is that of the annotation beside it
    ident: int, spelled: str, *, default: object = MISSING, factory: Callable[[], object] | None = None
) -> Any:
    """A field that must be there: a positional parameter of the class, or one by name where it has a default."""
    if default is not MISSING:
        factory = lambda: default  # noqa: E731
    return FieldSpec(ident, spelled, factory, is_required=True)


def field(  # the type is that of the annotation beside it
    ident: int, spelled: str, *, default: object = None, factory: Callable[[], object] | None = None
) -> Any:
    """A field that need not be given: a parameter by name alone.

    Args:
        ident: Its id.
        spelled: Its type, as in the IDL, with the names of Python.
        default: What it has where nothing is given.
        factory: Makes that anew for each instance.
    """
    return FieldSpec(ident, spelled, factory or (lambda: default), is_required=False)


def arm(ident: int, spelled: str) -> Any:  # as of field
    """A field of a union: None where another is set."""
    return FieldSpec(ident, spelled, None, is_required=False)


class _Once:
    """A class attribute that is made when it is first asked for, for the class that declares the fields."""

    def __init__(self, name: str, make: Callable[[type], object]) -> None:
        self._name = name
        self._make = make

    def __get__(self, instance: object, owner: type) -> object:
        declaring = declaring_class(owner)
        if declaring is None:
            raise AttributeError(self._name)  # of the bases themselves
        made = self._make(declaring)
        setattr(declaring, self._name, made)
        return made


def declaring_class(cls: type) -> type | None:
    """The class in a generated module that this is, or that a user derived it from; None where there is none."""
    return next((one for one in cls.__mro__ if "__thrift_fields__" in one.__dict__), None)


def fields_of(cls: type) -> tuple[FieldSpec, ...]:
    """What a class declares, in the order of the ids, in which Apache's libraries write them."""
    found: tuple[FieldSpec, ...] = cls.__dict__["__thrift_fields__"]
    return found


def scope_of(cls: type) -> Mapping[str, object]:
    """The names of the module that is being imported, and defines the class: a later one may take its name.

    Raises:
        ConfigurationError: The module is not among the imported ones.
    """
    module = sys.modules.get(cls.__module__)
    if module is None:
        raise ConfigurationError(f"{cls.__module__}, which defines {cls.__name__}, is not in sys.modules: import it")
    return vars(module)


def _thrift_spec(cls: type) -> dict[int, tuple[Any, ...]]:  # thriftpy2's
    scope: Mapping[str, object] = cls.__dict__["__thrift_scope__"]
    return spec_of(fields_of(cls), scope, cls.__qualname__)


def spec_of(
    specs: Iterable[FieldSpec], scope: Mapping[str, object], place: str
) -> dict[int, tuple[Any, ...]]:  # thriftpy2's
    """Fields as ``thrift_spec`` has them."""
    made: dict[int, tuple[Any, ...]] = {}
    for one in specs:
        kind = kind_of(one.type, scope, f"{place}.{one.name}")
        if isinstance(kind, tuple):
            made[one.id] = (kind[0], one.name, kind[1], one.is_required)
        else:
            made[one.id] = (kind, one.name, one.is_required)
    return made


def _default_spec(cls: type) -> list[tuple[str, object]]:
    return [(one.name, one.default()) for one in fields_of(cls)]


def _dataclass_fields(cls: type) -> dict[str, dataclasses.Field[Any]]:  # of values of any IDL type
    annotations = {one.name: cls.__annotations__.get(one.name, "object") for one in fields_of(cls)}
    specs: dict[str, Any] = {}  # dataclasses' own
    for one in fields_of(cls):
        if one.is_needed:
            specs[one.name] = dataclasses.field()
        else:
            specs[one.name] = dataclasses.field(default_factory=one.default, kw_only=True)
    shadow: Any = type(cls.__name__, (), {"__annotations__": annotations, "__module__": cls.__module__, **specs})
    made: Any = dataclasses.dataclass(init=False, repr=False, eq=False)(shadow)
    fields: dict[str, dataclasses.Field[Any]] = made.__dataclass_fields__
    return fields


def _needed(cls: type) -> list[FieldSpec]:
    """The fields that must be given, in the order of the class body: that of the parameters."""
    names: tuple[str, ...] = cls.__dict__["__match_args__"]
    return sorted((one for one in fields_of(cls) if one.is_needed), key=lambda one: names.index(one.name))


def _rest(cls: type) -> list[FieldSpec]:
    return [one for one in fields_of(cls) if not one.is_needed]


def _annotations(cls: type) -> Mapping[str, object]:
    """What the annotations mean; their texts where a name is not there, as in a circle of modules."""
    try:
        return inspect.get_annotations(cls, eval_str=True)
    except (NameError, AttributeError):
        return cls.__annotations__


def _signature(cls: type) -> inspect.Signature:
    parameters, annotations = [], _annotations(cls)
    for one in (*_needed(cls), *_rest(cls)):
        kind = inspect.Parameter.POSITIONAL_OR_KEYWORD if one.is_needed else inspect.Parameter.KEYWORD_ONLY
        default = inspect.Parameter.empty if one.is_needed else one.default()
        annotation = annotations.get(one.name, inspect.Parameter.empty)
        parameters.append(inspect.Parameter(one.name, kind, default=default, annotation=annotation))
    return inspect.Signature(parameters)


def _make_init(cls: type) -> Callable[..., None]:
    """An ``__init__`` with a parameter for each field: those that are required by position too, the others by name."""
    specs = fields_of(cls)
    source = Source("_")
    while any(one.name.startswith(source.prefix) for one in specs):
        source.prefix += "_"
    missing, me = source.constant("missing", MISSING), f"{source.prefix}self"
    defaults = {one.name: one.default() for one in _rest(cls)}
    unset = {name: missing if is_mutable(one) else source.constant("default", one) for name, one in defaults.items()}
    needed = [f"{one.name}={missing}" for one in _needed(cls)]
    rest = ["*", *(f"{name}={default}" for name, default in unset.items())] if unset else []
    with source.block(f"def __init__({', '.join([me, *needed, *rest])}):"):
        _write_refusal(source, cls, missing, unset)
        for one in specs:
            value = one.name
            if is_mutable(defaults.get(one.name)):
                fresh = source.constant("fresh", copier(defaults[one.name]))
                value = f"{fresh}() if {one.name} is {missing} else {one.name}"
            source(_assignment(source, cls, me, one.name, value))
        source("return")
    init = source.execute(f"<{cls.__module__}.{cls.__qualname__}.__init__>")["__init__"]
    init.__qualname__ = f"{cls.__qualname__}.__init__"
    return init


def _write_refusal(source: Source, cls: type, missing: str, unset: Mapping[str, str]) -> None:
    """Refuse what lacks a field that is needed, but not where nothing at all is given: that makes a blank instance."""
    names = [one.name for one in _needed(cls)]
    if not names:
        return
    with source.block(f"if {' or '.join(f'{name} is {missing}' for name in names)}:"):
        is_blank = [f"{name} is {missing}" for name in names] + [f"{name} is {one}" for name, one in unset.items()]
        given = ", ".join(f"({source.constant('name', name)}, {name})" for name in names)
        with source.block(f"if not ({' and '.join(is_blank)}):"):
            source(f"{source.constant('refuse', _refuse_missing)}({source.constant('cls', cls)}, ({given},))")
        source(*(f"{name} = None" for name in names))


def _assignment(source: Source, cls: type, instance: str, name: str, value: str) -> str:
    """What gives an instance an attribute; not by its ``__dict__``, for the sake of which it would need a dict."""
    if cls.__dict__.get("__thrift_frozen__"):
        return f"{source.constant('set', object.__setattr__)}({instance}, {source.constant('name', name)}, {value})"
    return f"{instance}.{name} = {value}"


def _refuse_missing(cls: type, given: tuple[tuple[str, object], ...]) -> None:
    names = " and ".join(repr(name) for name, value in given if value is MISSING)
    raise TypeError(f"{cls.__name__}() needs {names}: the IDL says that it is required")


def _declare(cls: type) -> bool:
    """Take the fields out of a class body. False for a base, and for what a user derives from a declared class."""
    is_base = cls.__module__ == __name__
    if is_base or any("__thrift_fields__" in one.__dict__ for one in cls.__mro__[1:]):
        return False
    specs: list[FieldSpec] = []
    for name, value in list(cls.__dict__.items()):
        if type(value) is FieldSpec:
            value.name = name
            specs.append(value)
            delattr(cls, name)
    declared: Any = cls  # its attributes are made here
    setattr(cls, "__match_args__", tuple(one.name for one in specs if one.is_needed))  # noqa: B010 - final for mypy
    declared.__thrift_fields__ = tuple(sorted(specs, key=lambda one: one.id))
    declared.__thrift_scope__ = scope_of(cls)
    declared.__thrift_union__ = declared.__thrift_union__  # spec.py asks for its own
    return True


if TYPE_CHECKING:

    class _Payload:
        """What type checkers see of thriftpy2's class: nothing, since a field may have any name."""

    class _PayloadException(Exception): ...

else:

    class _Meta(type(TPayload)):
        """Lets class statements have options, which thriftpy2's does not."""

        def __new__(cls, name, bases, attributes, **options):  # noqa: ANN001, ANN003, ANN204
            return type.__new__(cls, name, bases, attributes, **options)

        def __init__(cls, name, bases, attributes, **options):  # noqa: ANN001, ANN003, ANN204, ARG002
            type.__init__(cls, name, bases, attributes)

    class _Payload(TPayload, metaclass=_Meta):
        """What all have: thriftpy2's metadata, and that of dataclasses."""

        thrift_spec = _Once("thrift_spec", _thrift_spec)
        default_spec = _Once("default_spec", _default_spec)
        __dataclass_fields__ = _Once("__dataclass_fields__", _dataclass_fields)
        __signature__ = _Once("__signature__", _signature)

    _PayloadException = TException


@dataclass_transform(field_specifiers=(required, field))
class Struct(_Payload):
    """The base of every struct: a dataclass, whose required fields can be given by position.

    Equal where all fields are. ``frozen=True`` (``callosum.frozen = "true"`` in the IDL) refuses assignments. Called
    without any argument, a class with required fields makes a blank instance, which thriftpy2's decoders fill; encoding
    says what is missing.
    """

    __thrift_union__: ClassVar[bool] = False
    __thrift_frozen__: ClassVar[bool] = False
    if TYPE_CHECKING:
        __dataclass_fields__: ClassVar[dict[str, dataclasses.Field[Any]]]  # dataclasses' own

    def __init_subclass__(cls, *, frozen: bool = False, unsafe_hash: bool = False) -> None:
        """``unsafe_hash`` is for type checkers: instances of all structs have a hash, that of their fields now."""
        super().__init_subclass__()
        if _declare(cls) and frozen:
            cls.__thrift_frozen__ = True
            frozen_class: Any = cls  # else pyright sees a __setattr__ that takes any name, in every struct
            frozen_class.__setattr__ = frozen_class.__delattr__ = _refuse_change

    if not TYPE_CHECKING:

        def __init__(self, /, *args, **kwargs):  # noqa: ANN002, ANN003, ANN204 - the first call makes the true one
            cls = declaring_class(type(self))
            cls.__init__ = _make_init(cls)
            cls.__init__(self, *args, **kwargs)


def _refuse_change(self: object, name: str, *_value: object) -> None:
    raise dataclasses.FrozenInstanceError(f"{type(self).__name__}.{name}: the IDL says that it is frozen")


class DeclaredException(Struct, _PayloadException):
    """The base of every exception of an IDL: its fields are its attributes, and its text.

    Attributes:
        outcome: EXECUTED: the handler raised it. A field of that name takes its place.
    """

    if not TYPE_CHECKING:

        def __init_subclass__(cls, **options):  # noqa: ANN003, ANN204 - those of Struct
            super().__init_subclass__(**options)
            if all(one.name != "outcome" for one in cls.__thrift_fields__):
                cls.outcome = Outcome.EXECUTED

        def __init__(self, /, *args, **kwargs):  # noqa: ANN002, ANN003, ANN204 - as Struct's
            super().__init__(*args, **kwargs)

    def __str__(self) -> str:
        given = {one.name: getattr(self, one.name, None) for one in fields_of(cast(type, declaring_class(type(self))))}
        return ", ".join(f"{name}={value!r}" for name, value in given.items() if value is not None)

    def __reduce__(self) -> tuple[object, ...]:
        return _blank, (type(self),), self.__dict__


def _blank(cls: type[T]) -> T:
    return cls.__new__(cls)


class Union(_Payload):
    """The base of every union: exactly one field is set, and ``which`` is its name.

    Raises:
        TypeError: More than one field is given, or one that the union does not have.
    """

    __thrift_union__: ClassVar[bool] = True
    if not TYPE_CHECKING:

        def __init_subclass__(cls):  # noqa: ANN204
            super().__init_subclass__()
            _declare(cls)

        def __init__(self, /, **given):  # noqa: ANN003, ANN204 - the generated class has the types
            cls = declaring_class(type(self))
            values = dict.fromkeys(one.name for one in fields_of(cls))
            if unknown := given.keys() - values.keys():
                raise TypeError(f"{cls.__name__} has no field {min(unknown)}: it has {', '.join(values)}")
            values.update(given)
            if given and sum(value is not None for value in values.values()) != 1:
                raise TypeError(f"{cls.__name__}() takes exactly one field: {', '.join(values)}")
            for name, value in values.items():  # one by one: else the class never learns the keys that all share
                setattr(self, name, value)

        @property
        def which(self) -> str:
            """The name of the field that is set.

            Raises:
                ValueError: None is, or more than one.
            """
            names = (one.name for one in fields_of(declaring_class(type(self))))
            found = [name for name in names if getattr(self, name, None) is not None]
            if len(found) != 1:
                raise ValueError(f"a union has exactly one field set, and {self!r} has {len(found)}")
            return found[0]


__all__ = [
    "KW_ONLY",
    "DeclaredException",
    "FieldSpec",
    "Struct",
    "Union",
    "arm",
    "declaring_class",
    "field",
    "fields_of",
    "required",
    "scope_of",
    "spec_of",
]
