"""Services as generated modules declare them: a table of functions, from which thriftpy2's metadata is made.

``Echo.thrift_services`` has the names of all functions; ``Echo.say_args`` and ``Echo.say_result``, the structs of what
is called with and of what comes back, are made when they are first asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Final, Protocol, Self, TypeVar, get_args
from uuid import UUID

from thriftpy2.thrift import TPayload

from callosum.service import BlockingServiceClass, ServiceClass, service_of
from callosum.service import Service as EngineService
from callosum.upper.thrift.annotations import STREAM
from callosum.upper.thrift.payload import MISSING, FieldSpec, scope_of, spec_of

if TYPE_CHECKING:
    from callosum.compression import Compression
    from callosum.context import Key, Metadata

S = TypeVar("S")
B = TypeVar("B")

_ZEROS: Final[Mapping[str, Callable[[], object]]] = {
    "bool": bool,
    "i8": int,
    "i16": int,
    "i32": int,
    "i64": int,
    "double": float,
    "string": str,
    "binary": bytes,
    "uuid": lambda: UUID(int=0),
    "list": list,
    "set": set,
    "map": dict,
}


class ParameterSpec(FieldSpec):
    """What a table says of one parameter, or of one exception that is thrown.

    Attributes:
        for_caller: What it has where a caller leaves it out; MISSING where it must be given.
        is_stream: Whether it is the caller's stream.
    """

    __slots__ = ("for_caller", "is_stream")

    def __init__(
        self,
        ident: int,
        name: str,
        spelled: str,
        factory: Callable[[], object] | None,
        for_caller: object,
        *,
        is_required: bool = False,
    ) -> None:
        super().__init__(ident, spelled, factory, is_required=is_required)
        self.name = name
        self.for_caller = for_caller
        self.is_stream = False


def parameter(ident: int, name: str, spelled: str, *, default: object = MISSING) -> ParameterSpec:
    """A parameter; where it is missing in what arrives, it has its default, or its type's zero."""
    if default is not MISSING:
        return ParameterSpec(ident, name, spelled, lambda: default, default)
    return ParameterSpec(ident, name, spelled, _ZEROS.get(spelled.partition("<")[0]), MISSING)


def required_parameter(ident: int, name: str, spelled: str) -> ParameterSpec:
    """A parameter that must be there."""
    return ParameterSpec(ident, name, spelled, None, MISSING, is_required=True)


def stream(item: ParameterSpec) -> ParameterSpec:
    """The parameter that is the caller's stream: a parameter, as an item of the stream has it."""
    item.is_stream = True
    return item


def thrown(ident: int, name: str, spelled: str) -> ParameterSpec:
    """An exception that a function may throw."""
    return ParameterSpec(ident, name, spelled, None, MISSING)


@dataclass(frozen=True, slots=True)
class FunctionSpec:
    """What a table says of one function."""

    name: str
    """As the IDL has it."""
    returns: str
    parameters: tuple[ParameterSpec, ...]
    throws: tuple[ParameterSpec, ...] = ()
    annotations: Mapping[str, str] = field(default_factory=dict)
    is_oneway: bool = False


def function(
    name: str,
    returns: str,
    *parameters: ParameterSpec,
    throws: tuple[ParameterSpec, ...] = (),
    annotations: Mapping[str, str] | None = None,
) -> FunctionSpec:
    """A function, and the type that it returns, which may be ``void``."""
    return FunctionSpec(name, returns, parameters, throws, annotations or {})


def oneway(name: str, *parameters: ParameterSpec, annotations: Mapping[str, str] | None = None) -> FunctionSpec:
    """A function that nobody waits for."""
    return FunctionSpec(name, "void", parameters, (), annotations or {}, is_oneway=True)


class Stub(Protocol):
    """What a stub has besides the methods of its service."""

    def with_options(
        self,
        *,
        timeout: float | None = None,
        key: Key | None = None,
        metadata: Metadata | None = None,
        compression: Compression | str | None = None,
    ) -> Self:
        """The same stub with other options; what is not given stays as it is.

        Args:
            timeout: Seconds for each call.
            key: The request key: the ordering domain of its calls at the other side.
            metadata: What travels with each call; added to what the stub has.
            compression: What arguments and results are compressed with, where the other side can: ``snappy``, ``zstd``,
                a `callosum.Compression`, or ``none``.

        Raises:
            ConfigurationError: An option has a value that cannot be.
        """
        ...


class Service(ServiceClass[S], BlockingServiceClass[B]):
    """The base of every service class, by the types of its stubs; its body has the table of its own functions.

    Args of the class statement:
        handler: The abstract class from which handlers are derived: those need no mapping in ``listen()``.
        extends: The service class that it extends.
        annotations: Those of the service.
        name: The service's name in the IDL, where that is not the class's.
    """

    thrift_functions: ClassVar[tuple[FunctionSpec, ...]]

    if not TYPE_CHECKING:

        def __init_subclass__(cls, *, handler=None, extends=None, annotations=None, name=None):  # noqa: ANN001, ANN204
            super().__init_subclass__()
            if "thrift_functions" in cls.__dict__:  # not one that a user derives
                _declare(cls, handler, extends, annotations or {})
                cls.__thrift_name__ = name or cls.__name__

    else:

        def __init_subclass__(
            cls,
            *,
            handler: type,
            extends: type | None = None,
            annotations: Mapping[str, str] | None = None,
            name: str | None = None,
        ) -> None: ...


def _declare(cls: Any, handler: type | None, extends: Any, annotations: Mapping[str, str]) -> None:  # its attributes
    own: tuple[FunctionSpec, ...] = cls.thrift_functions
    inherited: tuple[FunctionSpec, ...] = () if extends is None else extends.__thrift_all__
    cls.__thrift_all__ = (*own, *inherited)  # as thriftpy2 has them
    cls.__thrift_extends__ = extends
    cls.__thrift_handler__ = handler
    cls.__thrift_stub__ = get_args(cls.__orig_bases__[0])[0]
    cls.__thrift_annotations__ = dict(annotations)
    cls.__thrift_function_annotations__ = {one.name: one.annotations for one in cls.__thrift_all__}
    cls.thrift_services = [one.name for one in cls.__thrift_all__]
    for one in inherited:
        for part in ("args", "result"):
            setattr(cls, f"{one.name}_{part}", extends.__dict__[f"{one.name}_{part}"])
    scope = scope_of(cls)
    for one in own:
        returned = () if one.returns == "void" else (thrown(0, "success", one.returns),)
        setattr(cls, f"{one.name}_args", _LatePayload(cls, one, "args", one.parameters, scope))
        setattr(cls, f"{one.name}_result", _LatePayload(cls, one, "result", (*returned, *one.throws), scope))
    if handler is not None:
        setattr(handler, "__callosum_service__", _ServiceOf(cls))  # noqa: B010 - type checkers need not see it


class _ServiceOf:
    """What tells `listen` which service a handler is for: a handler's class attribute."""

    __slots__ = ("_cls",)

    def __init__(self, cls: type) -> None:
        self._cls = cls

    def __get__(self, instance: object, owner: type) -> EngineService:
        return service_of(self._cls)


class _LatePayload:
    """The struct of a function's arguments, or of its result, made when it is first asked for."""

    __slots__ = ("_fields", "_function", "_made", "_owner", "_part", "_scope")

    def __init__(
        self,
        owner: type,
        function: FunctionSpec,
        part: str,
        fields: tuple[ParameterSpec, ...],
        scope: Mapping[str, object],
    ) -> None:
        self._owner, self._function, self._part, self._fields, self._scope = owner, function, part, fields, scope
        self._made: type | None = None

    def __get__(self, instance: object, owner: type) -> type:
        if self._made is None:
            self._made = self._make()
        return self._made

    def _make(self) -> type:
        name, owner = f"{self._function.name}_{self._part}", self._owner
        made: Any = type(
            name, (_Arguments,), {"__module__": owner.__module__, "__qualname__": f"{owner.__name__}.{name}"}
        )
        made.thrift_spec = spec_of(self._fields, self._scope, f"{owner.__name__}.{name}")
        made.default_spec = [(one.name, one.default()) for one in self._fields]
        made.__thrift_union__ = False
        if self._part == "args":
            made.__thrift_for_caller__ = {one.name: one.for_caller for one in self._fields}
            made.__thrift_field_annotations__ = {one.name: {STREAM: "in"} for one in self._fields if one.is_stream}
        else:
            made.oneway = self._function.is_oneway
        cls: type = made
        return cls


class _Arguments(TPayload):
    """The values of a function's fields, as thriftpy2's clients and servers have them."""

    def __init__(self, **given: object) -> None:
        values = {name: default.copy() if hasattr(default, "copy") else default for name, default in self.default_spec}
        vars(self).update(values | given)


__all__ = [
    "FunctionSpec",
    "ParameterSpec",
    "Service",
    "Stub",
    "function",
    "oneway",
    "parameter",
    "required_parameter",
    "stream",
    "thrown",
]
