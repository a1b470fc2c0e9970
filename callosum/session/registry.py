"""Which handler answers for which method, checked before anything runs."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from callosum.context import KeyOf, key_of
from callosum.errors import ConfigurationError
from callosum.fingerprint import whole_of
from callosum.protocol.messages import STREAMS, Offered
from callosum.service import Cardinality, Method, MethodCodec, Service, service_of

MAX_DETAILS: Final = 128 * 1024
"""Bytes of all fingerprints together, past which each says no more than that a service differs."""
Handler = object
"""The user's object: it has one async method for each method of its service."""
Services = Mapping[type, Handler] | Sequence[Handler]
"""``{service class: handler}``, or a list of handlers whose classes name their service (generated code)."""


class Codecs(dict[str, MethodCodec]):
    """A method's codecs by the name that a request carries: each is looked up when the first request needs it.

    An IDL layer may make them only then, and a method is served in more encodings than are used.
    """

    def __init__(self, method: Method, default: str) -> None:
        super().__init__()
        self._method = method
        self._default = default

    def __missing__(self, name: str) -> MethodCodec:
        codec = self[name] = self._method.codecs[name or self._default]
        return codec


@dataclass(frozen=True, slots=True, eq=False)
class Target:
    """A method, and what runs it."""

    method: Method
    run: Callable[..., Awaitable[Any]]  # a result of any IDL type
    encodings: frozenset[str]
    """The names that a request may carry; "" is the service's first."""
    codecs: Mapping[str, MethodCodec]
    """By these names."""
    is_oneway: bool
    streams: int
    """Of the method's flags those that say which way it streams."""
    key_of: KeyOf | None
    """What computes its request key from the arguments, where the IDL names one."""


class Registry:
    """The services of one endpoint."""

    def __init__(self, services: Services) -> None:
        self.targets: dict[str, Target] = {}
        """By the method's name on the wire."""
        self.services: tuple[Service, ...] = ()
        """Those that are served, bases included."""
        self.offered: tuple[Offered, ...] = ()
        """What the other side is told of them."""
        faults: list[str] = []
        handlers = list(_handlers(services, faults))
        self._register(handlers, faults)
        if faults:
            raise ConfigurationError("; ".join(faults))

    def _register(self, handlers: list[tuple[Service, Handler]], faults: list[str]) -> None:
        names: dict[str, Handler] = {}
        for service, handler in handlers:
            if service.name in names:
                faults.append(f"two handlers for a service {service.name}: one endpoint serves each name once")
            names[service.name] = handler
        served = [*handlers, *_bases(handlers, names)]
        for service, handler in served:
            for method in service.methods.values():
                self._register_method(service, method, handler, faults)
        self.services = tuple(service for service, _ in served)
        self.offered = _offered(self.services)

    def _register_method(self, service: Service, method: Method, handler: Handler, faults: list[str]) -> None:
        fault = _fault(method, handler)
        if fault is not None:
            text = f"{type(handler).__name__} does not fit {service.name}: {fault}"
            if text not in faults:
                faults.append(text)
            return
        encodings = frozenset(("", *method.codecs))
        codecs = Codecs(method, service.codecs[0] if service.codecs else next(iter(method.codecs)))
        run = getattr(handler, method.python_name or method.name)
        is_oneway = method.cardinality is Cardinality.ONEWAY
        streams = method.flags & STREAMS
        self.targets[method.wire_name] = Target(method, run, encodings, codecs, is_oneway, streams, key_of(method))


def _offered(services: Sequence[Service]) -> tuple[Offered, ...]:
    """What is said of the services in the handshake, whose bodies are bounded; without details where these are many."""
    is_small = sum(len(service.fingerprint.encode()) for service in services) <= MAX_DETAILS
    return tuple(
        Offered(one.name, one.fingerprint if is_small else whole_of(one.fingerprint), one.codecs) for one in services
    )


def _handlers(services: Services, faults: list[str]) -> Iterable[tuple[Service, Handler]]:
    if isinstance(services, Mapping):
        for service_class, handler in services.items():
            if isinstance(handler, type):
                faults.append(f"{handler.__name__} is a class: give an instance of it, {handler.__name__}()")
                continue
            try:
                yield service_of(service_class), handler
            except ConfigurationError as error:
                faults.append(str(error))
        return
    given: object = services  # it is what users wrote
    if not isinstance(given, Iterable) or isinstance(given, str):
        faults.append(f"{services!r} are no services: give {{service class: handler}}, or a list of handlers")
        return
    for handler in services:
        service = getattr(type(handler), "__callosum_service__", None)
        if isinstance(service, Service):
            yield service, handler
        else:
            faults.append(
                f"{type(handler).__name__} names no service: give {{service class: handler}}, "
                "or a handler whose class is a subclass of a generated one"
            )


def _bases(handlers: list[tuple[Service, Handler]], names: Mapping[str, Handler]) -> list[tuple[Service, Handler]]:
    """Who serves a service answers for its bases too, but where two handlers would: then it must be said which."""
    found: dict[str, list[tuple[Service, Handler]]] = {}
    for service, handler in handlers:
        for base in service.bases:
            found.setdefault(base.name, []).append((base, handler))
    return [
        candidates[0]
        for name, candidates in found.items()
        if name not in names and all(handler is candidates[0][1] for _, handler in candidates)
    ]


def _fault(method: Method, handler: Handler) -> str | None:
    """Why a handler cannot serve a method, or None where it can."""
    name = method.python_name or method.name
    attribute = getattr(handler, name, None)
    wanted = f"the IDL has {method.signature()}"
    if attribute is None:
        return f"it has no method {name} ({wanted})"
    if not callable(attribute):
        return f"{name} is not a method ({wanted})"
    unfit = _unfit_stream(name, attribute) if method.cardinality.gives_items else _unfit_plain(name, attribute)
    if unfit is not None:
        return f"{unfit} ({wanted})"
    try:
        inspect.signature(attribute).bind(*[None] * len(method.parameters))
    except TypeError as error:
        return f"{name}{inspect.signature(attribute)} has the wrong parameters: {error} ({wanted})"
    except ValueError:  # a callable without a signature, for example one written in C
        return None
    return None


def _unfit_stream(name: str, attribute: Callable[..., object]) -> str | None:
    """Why a callable cannot give a stream: it is an async generator, or plain and returns an async iterator."""
    if _is_async(attribute):
        return f"{name} is a coroutine, and has to give a stream: write a `yield` in it"
    return None


def _unfit_plain(name: str, attribute: Callable[..., object]) -> str | None:
    if inspect.isasyncgenfunction(attribute):
        return f"{name} yields, and has one result: return it"
    if not _is_async(attribute):
        return f"{name} is not async: write async def {name}, or @callosum.in_thread above it"
    return None


def _is_async(attribute: Callable[..., object]) -> bool:
    return inspect.iscoroutinefunction(attribute) or inspect.iscoroutinefunction(
        getattr(attribute, "__call__", None)  # noqa: B004 - the method itself is wanted
    )
