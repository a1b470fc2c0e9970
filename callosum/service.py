"""What an IDL layer hands to the engine: a service, its methods, and the callables between values and bytes.

Laws: all of it is immutable once made. The engine reads no value and no body; it hands them through these callables.
"""

from __future__ import annotations

import enum
import importlib.metadata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from types import MappingProxyType
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from callosum.errors import ConfigurationError

S = TypeVar("S")
B = TypeVar("B")
# The flags of the wire's REQUEST, written here too: an IDL layer imports this module, and no protocol with it.
_ONEWAY = 1
_IDEMPOTENT = 2
_ITEMS_FOLLOW = 4
_ITEMS_WANTED = 8
Body = bytes | memoryview
"""Encoded arguments, an encoded result or a declared exception: opaque to the engine."""


class Cardinality(enum.Enum):
    """How many messages go each way."""

    UNARY = "unary"
    """One request, one outcome."""
    ONEWAY = "oneway"
    """One request, no answer."""
    SERVER_STREAM = "server"
    """One request; a stream of results, and one outcome behind them."""
    CLIENT_STREAM = "client"
    """One request and a stream of the caller's; one outcome."""
    BIDI_STREAM = "bidi"
    """One request; a stream each way, and one outcome."""

    @property
    def takes_items(self) -> bool:
        """Whether the caller sends a stream."""
        return self in (Cardinality.CLIENT_STREAM, Cardinality.BIDI_STREAM)

    @property
    def gives_items(self) -> bool:
        """Whether the handler sends a stream."""
        return self in (Cardinality.SERVER_STREAM, Cardinality.BIDI_STREAM)

    @property
    def mode(self) -> str:
        """How it streams: ``server``, ``client`` or ``bidi``; empty where it does not."""
        return self.value if self.takes_items or self.gives_items else ""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a method, in the order in which a handler gets it."""

    name: str
    has_default: bool = False
    """A caller may leave it out; a handler gets it all the same."""
    type: str = ""
    """Its type as the IDL spells it, for people."""
    default: Any = None  # a value of any IDL type
    """What a handler gets where a caller leaves it out; None where ``has_default`` is false."""


@dataclass(frozen=True, slots=True, eq=False)
class MethodCodec:
    """A method's values to bytes and back, in one encoding."""

    encode_args: Callable[..., bytes]
    """The arguments as the caller gives them, positional or by name. Raises EncodeError; TypeError where they do not
    fit the signature."""
    decode_args: Callable[[Body], tuple[Any, ...]]  # values of any IDL type
    """All arguments, in the order of the parameters. Raises DecodeError."""
    encode_result: Callable[[Any], bytes]  # a value of any IDL type
    """What a handler returned. Raises EncodeError."""
    encode_exception: Callable[[BaseException], bytes | None]
    """A declared exception, or None where the IDL does not declare it. Raises EncodeError."""
    decode_result: Callable[[Body], Any]  # a value of any IDL type
    """The result; raises the exception that the body holds where it is a declared one, and DecodeError."""
    encode_item: Callable[[Any], bytes] | None = None  # as above
    """One value of the caller's stream; None where the method takes none. Raises EncodeError.

    Where it takes one, `encode_args` and `decode_args` are without that parameter. Where the handler gives a stream,
    `encode_result` and `decode_result` are for each value of it, and for the exception that may end it."""
    decode_item: Callable[[Body], Any] | None = None  # as above
    """One value of the caller's stream. Raises DecodeError."""
    view_result: Callable[[Body], Any] | None = None  # as above
    """As `decode_result`, for a method that gives a stream of bytes: what it gives may be a memoryview of the body,
    which is not copied then. None where there is no such way."""
    view_item: Callable[[Body], Any] | None = None  # as above
    """The same for `decode_item`."""


@dataclass(frozen=True, slots=True, eq=False)
class Method:
    """One method of a service."""

    service: str
    """The service's name on the wire."""
    name: str
    """The method's name in the IDL and on the wire."""
    parameters: tuple[Parameter, ...]
    codecs: Mapping[str, MethodCodec]
    """By the encoding's name (``thrift-binary``), the preferred one first. An IDL layer may make each codec when it is
    first asked for: who wants the names alone asks for no value."""
    cardinality: Cardinality = Cardinality.UNARY
    python_name: str = ""
    """The attribute of stub and handler: the name, with an underscore behind a reserved word or ``with_options``."""
    returns: str = ""
    """The result's type as the IDL spells it, for people."""
    raises: tuple[type[BaseException], ...] = ()
    """The exceptions that the IDL declares."""
    idempotent: bool = False
    key: str | None = None
    """The parameter that is the request key, where the IDL names one."""
    stream: int | None = None
    """Which of the parameters is the caller's stream, counted from 0; None where there is none."""
    timeout: float | None = None
    """The IDL's own default, in seconds."""
    doc: str = ""
    annotations: Mapping[str, object] = field(default_factory=dict)
    """Types of Python, or texts of them, by the parameter's name in Python, and what it returns by ``return``:
    the annotations of a stub's method. Empty where the IDL layer has none."""
    wire_name: str = field(default="", init=False)
    """``Service/method``."""
    flags: int = field(default=0, init=False)
    """What the request says about it on the wire."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "wire_name", f"{self.service}/{self.name}")
        kind = self.cardinality
        flags = _ONEWAY * (kind is Cardinality.ONEWAY) | _IDEMPOTENT * self.idempotent
        flags |= _ITEMS_FOLLOW * kind.takes_items | _ITEMS_WANTED * kind.gives_items
        object.__setattr__(self, "flags", flags)

    @property
    def preferred(self) -> MethodCodec:
        """The codec that is tried first."""
        return next(iter(self.codecs.values()))

    @property
    def encode_args(self) -> Callable[..., bytes]:
        """The preferred codec's."""
        return self.preferred.encode_args

    @property
    def decode_args(self) -> Callable[[Body], tuple[Any, ...]]:  # as in MethodCodec
        """The preferred codec's."""
        return self.preferred.decode_args

    @property
    def encode_result(self) -> Callable[[Any], bytes]:  # as in MethodCodec
        """The preferred codec's."""
        return self.preferred.encode_result

    @property
    def decode_result(self) -> Callable[[Body], Any]:  # as in MethodCodec
        """The preferred codec's."""
        return self.preferred.decode_result

    def signature(self) -> str:
        """``say(message: string) -> Echoed throws EmptyMessage``, for people.

        What is streamed has the word before it: ``talk(said: stream Message) -> stream Message``.
        """
        parameters = ", ".join(self._spelled(index) for index in range(len(self.parameters)))
        text = f"{self.name}({parameters})"
        if self.cardinality is Cardinality.ONEWAY:
            text = f"oneway {text}"
        elif self.returns:
            text += f" -> {'stream ' * self.cardinality.gives_items}{self.returns}"
        if self.raises:
            text += " throws " + ", ".join(e.__name__ for e in self.raises)
        return text

    def _spelled(self, index: int) -> str:
        one = self.parameters[index]
        kind = f"{'stream ' * (index == self.stream)}{one.type}".rstrip()
        return f"{one.name}: {kind}" if kind else one.name


@dataclass(frozen=True, slots=True, eq=False)
class Service:
    """One service of an IDL.

    ``methods`` has the inherited ones too; ``bases`` are the services that it extends, nearest first, because who
    serves a service answers for its bases by their names.
    """

    name: str
    methods: Mapping[str, Method]
    """By the method's name in the IDL."""
    fingerprint: str
    """Text of `callosum.fingerprint`: digests over names, ids, wire types and requiredness, recursively."""
    bases: tuple[Service, ...] = ()
    doc: str = ""
    sources: Callable[[], Mapping[str, str]] = dict
    """The files of its IDL, for reflection: text by relative path, the file that defines the service last; empty where
    there are none. Called when somebody asks."""
    codecs: tuple[str, ...] = field(default=(), init=False)
    """The encodings that all methods have, the preferred one first."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "methods", MappingProxyType(dict(self.methods)))
        names = [set(m.codecs) for m in self.methods.values()]
        first: Mapping[str, MethodCodec] = next(iter(self.methods.values())).codecs if self.methods else {}
        object.__setattr__(self, "codecs", tuple(c for c in first if all(c in n for n in names)))

    def describe(self) -> str:
        """The service for people: one line a method."""
        lines = [f"service {self.name}{_remark(self.doc)}"]
        lines += [f"    {m.signature()}{_remark(m.doc)}" for m in self.methods.values()]
        return "\n".join(lines)


def _remark(doc: str) -> str:
    """The first line of a doc, behind what it is about."""
    first = doc.strip().partition("\n")[0].rstrip()
    return f"  # {first}" if first else ""


class ServiceClass(Generic[S]):
    """The base of a generated service class; ``S`` is the type of its stubs."""

    __callosum_service__: ClassVar[Service]


class BlockingServiceClass(Generic[B]):
    """The second base of a generated service class; ``B`` is the type of its stubs in `callosum.blocking`."""


class UpperLayer(Protocol):
    """An IDL layer. Registered under the entry point ``callosum.upper``."""

    name: str

    def service_of(self, service_class: type) -> Service | None:
        """The service of a class of this IDL, or None where the class is not of this IDL."""


def service_of(service_class: type) -> Service:
    """The service that a service class names.

    Raises:
        ConfigurationError: No installed IDL layer knows the class, or its IDL has faults.
    """
    is_class = isinstance(service_class, type)  # it is what users wrote
    known: object = service_class.__dict__.get("__callosum_service__") if is_class else None
    if isinstance(known, Service):
        return known
    layers, missing = _upper_layers()
    for layer in layers if is_class else ():
        service = layer.service_of(service_class)
        if service is not None:
            service_class.__callosum_service__ = service  # type: ignore[attr-defined]
            return service
    raise ConfigurationError(
        f"{service_class!r} is not a service class of any installed IDL layer ({_names(layers, missing)}). "
        "Give the class of a service, for example echo.Echo from thrift.load('echo.thrift')."
    )


def _names(layers: Sequence[UpperLayer], missing: Sequence[str]) -> str:
    return ", ".join([*(layer.name for layer in layers), *missing]) or "none is installed"


@cache
def _upper_layers() -> tuple[tuple[UpperLayer, ...], tuple[str, ...]]:
    """Those that can be used, and what is to be said of the others: a layer's library may be an extra."""
    layers: list[UpperLayer] = []
    missing: list[str] = []
    for point in importlib.metadata.entry_points(group="callosum.upper"):
        try:
            layers.append(point.load()())
        except ModuleNotFoundError as error:  # so no class can be of its IDL
            missing.append(f"{point.name}, which needs {error.name}: it is not installed")
    return tuple(layers), tuple(missing)
