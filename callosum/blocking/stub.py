"""Stubs that block: one class for each service, each of whose methods hands over to that of the async stub."""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any, Self

from callosum.blocking.streams import BidiStream, Pulling, ReceiveStream, Source
from callosum.handover import Handover
from callosum.service import Cardinality, Method, Service
from callosum.stub import Stub as AsyncStub
from callosum.stub import stub_class


class Stub:
    """Calls a service on a peer, and waits. The methods are those of the service."""

    __slots__ = ("_handover", "_stub")
    _service: Service

    def __init__(self, stub: Any, handover: Handover) -> None:  # what the async side has: its methods are the IDL's
        self._stub = stub
        self._handover = handover

    def with_options(self, **options: Any) -> Self:  # those of the async side
        """The same stub with other options; what is not given stays as it is. They are those of the async side."""
        return type(self)(self._stub.with_options(**options), self._handover)

    def __repr__(self) -> str:
        return f"<blocking {self._stub!r}>"


Stub.with_options.__signature__ = inspect.signature(AsyncStub.with_options)  # type: ignore[attr-defined]
_classes: dict[Service, type[Stub]] = {}


def blocking_class(service: Service) -> type[Stub]:
    """The class of a service's blocking stubs."""
    found = _classes.get(service)
    if found is None:
        methods: dict[str, object] = {"__slots__": (), "_service": service, "__doc__": service.doc or None}
        like = stub_class(service)
        for method in service.methods.values():
            name = method.python_name or method.name
            methods[name] = _documented(_method(method, name), getattr(like, name))
        found = _classes[service] = type(f"{service.name}BlockingStub", (Stub,), methods)
    return found


def _documented(method: Callable[..., Any], like: Callable[..., Any]) -> Callable[..., Any]:  # values of any IDL type
    method.__name__, method.__qualname__, method.__doc__ = like.__name__, like.__qualname__, like.__doc__
    method.__signature__ = inspect.signature(like)  # type: ignore[attr-defined]
    return method


def _method(method: Method, name: str) -> Callable[..., Any]:  # values of any IDL type
    match method.cardinality:
        case Cardinality.UNARY | Cardinality.ONEWAY:
            return _plain(name)
        case Cardinality.SERVER_STREAM:
            return _receiving(name)
        case Cardinality.CLIENT_STREAM:
            return _sending(name, *_stream(method))
        case Cardinality.BIDI_STREAM:
            return _both(name, *_stream(method))


def _plain(name: str) -> Callable[..., Any]:
    def call(self: Stub, /, *args: Any, **kwargs: Any) -> Any:  # values of any IDL type, here and below
        return self._handover.run(getattr(self._stub, name), *args, **kwargs)

    return call


def _receiving(name: str) -> Callable[..., Any]:
    def call(self: Stub, /, *args: Any, **kwargs: Any) -> ReceiveStream[Any]:
        return ReceiveStream(self._handover, _begin(self, name, args, kwargs))

    return call


def _sending(name: str, position: int, keyword: str) -> Callable[..., Any]:
    def call(self: Stub, /, *args: Any, **kwargs: Any) -> Any:
        args, kwargs, source = _with_source(args, kwargs, position, keyword)
        if source is None:
            return self._handover.run(getattr(self._stub, name), *args, **kwargs)
        function = functools.partial(getattr(self._stub, name), *args, **kwargs)
        return self._handover.complete(Pulling(function, source))

    return call


def _both(name: str, position: int, keyword: str) -> Callable[..., Any]:
    def call(self: Stub, /, *args: Any, **kwargs: Any) -> BidiStream[Any, Any]:
        args, kwargs, source = _with_source(args, kwargs, position, keyword)
        return BidiStream(self._handover, _begin(self, name, args, kwargs), source)

    return call


def _begin(stub: Stub, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:  # the async side's stream
    """Begin a call that streams: in the loop, and in the thread's context."""
    stub._handover.check()  # noqa: SLF001 - these functions are its methods
    return stub._handover.read(getattr(stub._stub, name), *args, **kwargs)  # noqa: SLF001


def _stream(method: Method) -> tuple[int, str]:
    """Where the caller's stream stands among the parameters, and its name."""
    assert method.stream is not None, "an IDL layer says where it is"
    return method.stream, method.parameters[method.stream].name


def _with_source(
    args: tuple[Any, ...], kwargs: dict[str, Any], position: int, keyword: str
) -> tuple[tuple[Any, ...], dict[str, Any], Source[Any] | None]:
    """The arguments with an async iterable in the place of the ordinary one; as they are where it was left out."""
    given = args[position] if position < len(args) else kwargs.get(keyword)
    if not isinstance(given, Iterable) or isinstance(given, AsyncIterator):
        return args, kwargs, None  # left out, or the async side says what is wrong with it
    source = Source(given)
    if position < len(args):
        return (*args[:position], source, *args[position + 1 :]), kwargs, source
    return args, {**kwargs, keyword: source}, source
