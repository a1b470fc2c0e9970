"""Stubs: one object for each service and peer, whose methods are those of the IDL.

A stub's class is made once for each service; its methods have the real names and signatures and do nothing but encode,
hand over, and decode.
"""

from __future__ import annotations

import asyncio
import inspect
import keyword
from collections.abc import AsyncIterable, Callable, Coroutine
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, Self, cast

from callosum.compression import Compression, PackedBody, compression_of
from callosum.context import TRACE_METADATA, Call, Carrier, Key, Metadata, ambient_deadline, current, key_of
from callosum.errors import ConfigurationError
from callosum.opening import Reading, receive_stream, send_stream, split_stream
from callosum.service import Cardinality, Method, Service
from callosum.streams import BidiStream, ReceiveStream
from callosum.value_stream import ValueStream, note_executed

if TYPE_CHECKING:
    from callosum.channel import Channel
    from callosum.peer import Peer


@dataclass(frozen=True, slots=True)
class StubOptions:
    """What every call of a stub carries."""

    timeout: float | None = None
    """Seconds, or None."""
    key: Key | None = None
    metadata: Metadata | None = None
    compression: Compression | None = None
    item_timeout: float | None = None
    """Seconds for which each item of a stream is waited for, or None."""
    overflow: Overflow | None = None


Overflow = Literal["latest"]
"""What becomes of items that come faster than they are read: ``latest`` keeps only the newest one; without it, their
sender waits."""


class Stub:
    """Calls a service on a peer. The methods are those of the service; ``with_options`` is the one name of its own."""

    __slots__ = ("_options", "_peer")
    _service: Service

    def __init__(self, peer: Peer, options: StubOptions) -> None:
        self._peer = peer
        self._options = options

    def with_options(
        self,
        *,
        timeout: float | None = None,
        key: Key | None = None,
        metadata: Metadata | None = None,
        compression: Compression | str | None = None,
        item_timeout: float | None = None,
        overflow: Overflow | None = None,
    ) -> Self:
        """The same stub with other options; what is not given stays as it is.

        Args:
            timeout: Seconds for each call.
            key: The request key: the ordering domain of its calls at the other side. Without it a method whose IDL
                names a parameter as its key takes the argument.
            metadata: What travels with each call; added to what the stub has.
            compression: What arguments and results are compressed with, where the other side can: ``snappy``, ``zstd``,
                a `callosum.Compression`, or ``none``.
            item_timeout: Seconds for which each item of a stream is waited for, beside the timeout of the whole.
            overflow: ``"latest"``: of the items of a stream that come faster than they are read, only the newest is
                kept, and their sender waits for nobody.

        Raises:
            ConfigurationError: An option has a value that cannot be.
        """
        options = self._options
        merged = {**(options.metadata or {}), **(metadata or {})}
        changed = replace(
            options,
            timeout=options.timeout if timeout is None else timeout,
            key=options.key if key is None else key,
            metadata=merged or None,
            compression=options.compression if compression is None else compression_of(compression),
            item_timeout=options.item_timeout if item_timeout is None else item_timeout,
            overflow=options.overflow if overflow is None else overflow,
        )
        check_options(changed)
        return type(self)(self._peer, changed)

    def __repr__(self) -> str:
        return f"<stub of {self._service.name} on {self._peer!r}>"


def check_options(options: StubOptions) -> None:
    """Raises ConfigurationError where an option cannot be."""
    timeout = options.timeout
    key: object = options.key
    metadata = cast("dict[object, object]", options.metadata or {})
    if timeout is not None and not timeout > 0:
        raise ConfigurationError(f"timeout={timeout!r}: give a number of seconds above 0")
    if options.item_timeout is not None and not options.item_timeout > 0:
        raise ConfigurationError(f"item_timeout={options.item_timeout!r}: give a number of seconds above 0")
    if options.overflow not in {None, "latest"}:
        raise ConfigurationError(f'overflow={options.overflow!r}: there is "latest", and None')
    if not isinstance(key, str | int | bytes | None) or isinstance(key, bool):
        raise ConfigurationError(f"key={key!r}: a request key is a str, an int or bytes")
    if isinstance(key, int) and not -(2**63) <= key < 2**63:
        raise ConfigurationError(f"key={key!r}: a number that is a request key has at most 64 bits")
    for name, value in metadata.items():
        if not isinstance(name, str) or not isinstance(value, str | bytes):
            raise ConfigurationError(f"metadata {name!r}: {value!r}: names are str, values str or bytes")


def _with_trace(metadata: Metadata | None, handled: Metadata) -> Metadata | None:
    """Calls made by a handler inherit its trace context, but for what they set themselves."""
    if not handled:
        return metadata
    inherited = {name: handled[name] for name in TRACE_METADATA if name in handled}
    return {**inherited, **(metadata or {})} if inherited else metadata


_classes: dict[Service, type[Stub]] = {}


def stub_class(service: Service) -> type[Stub]:
    """The class of a service's stubs."""
    found = _classes.get(service)
    if found is None:
        methods: dict[str, object] = {"__slots__": (), "_service": service, "__doc__": service.doc or None}
        for method in service.methods.values():
            name = method.python_name or method.name
            methods[name] = _stub_method(method, name)
        found = type(f"{service.name}Stub", (Stub,), methods)
        _classes[service] = found
    return found


def _stub_method(method: Method, name: str) -> Callable[..., Any]:  # a coroutine, or a stream
    kind = method.cardinality
    if kind.gives_items:
        made: Callable[..., Any] = _receiving(method)
    else:
        made = _sending(method) if kind.takes_items else _calling(method)
    made.__name__ = made.__qualname__ = name
    made.__doc__ = method.doc or method.signature()
    made.__signature__ = _signature(method)  # type: ignore[attr-defined]
    return made


def _calling(method: Method) -> Callable[..., Coroutine[Any, Any, Any]]:  # values of any IDL type
    is_oneway = method.cardinality is Cardinality.ONEWAY
    compute_key = key_of(method)

    async def call(self: Stub, /, *args: Any, **kwargs: Any) -> Any:  # values of any IDL type
        peer, options = self._peer, self._options
        handled = current.get()
        deadline = ambient_deadline.get()
        metadata, key = options.metadata, options.key
        if compute_key is not None and key is None:
            key = compute_key(args, kwargs)
        if handled is not None or options.timeout is not None or method.timeout is not None:
            deadline = _deadline(deadline, options.timeout, method, handled)
            if handled is not None and handled.request.metadata:
                metadata = _with_trace(metadata, handled.request.metadata)
        if peer.chain is not None:
            outgoing = Call(method, peer, dict(metadata or {}), key, deadline)
            outgoing.arguments, outgoing.keywords = args, kwargs
            outgoing.compression = options.compression
            return await peer.chain(outgoing)
        channel: Channel = peer.route.session
        parent = 0
        if handled is not None:
            channel, parent = handled.way_to(channel)
        codec_name, codec = channel.codec(method)
        reply = await channel.call(
            method,
            codec_name,
            # not by a name, which would keep the plain bytes while the call goes on
            codec.encode_args(*args, **kwargs) if kwargs else codec.encode_args(*args),
            deadline,
            key,
            metadata,
            parent,
            options.compression,
        )
        if is_oneway:
            return None
        try:
            if type(reply) is PackedBody:
                reply = reply.unpack()
            return codec.decode_result(reply)
        except Exception as error:
            note_executed(error)
            raise

    return call


def _receiving(method: Method) -> Callable[..., ReceiveStream[Any]]:  # values of any IDL type
    make = BidiStream[Any, Any] if method.cardinality.takes_items else ReceiveStream[Any]

    def stream(self: Stub, /, *args: Any, **kwargs: Any) -> ReceiveStream[Any]:  # as above
        async def begin() -> tuple[ValueStream[Any, Any], AsyncIterable[Any]]:  # as above
            peer, options = self._peer, self._options
            reading = Reading(options.item_timeout, keeps_newest=options.overflow == "latest")
            return await receive_stream(_outgoing(self, method, args, kwargs), reading, peer.chain)

        return make(method.wire_name, begin)

    return stream


def _sending(method: Method) -> Callable[..., Coroutine[Any, Any, Any]]:  # as above
    async def call(self: Stub, /, *args: Any, **kwargs: Any) -> Any:  # as above
        outgoing, chain = _outgoing(self, method, args, kwargs), self._peer.chain
        return await (send_stream(outgoing) if chain is None else chain(outgoing))

    return call


def _outgoing(stub: Stub, method: Method, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call:  # as above
    """A call of a method that streams, with what it inherits."""
    options, handled = stub._options, current.get()  # noqa: SLF001 - it is a method of the stub
    metadata = options.metadata
    if handled is not None and handled.request.metadata:
        metadata = _with_trace(metadata, handled.request.metadata)
    deadline = _deadline(ambient_deadline.get(), options.timeout, method, handled)
    key, compute_key = options.key, key_of(method)
    if compute_key is not None and key is None:
        (positional, named), _ = split_stream(method, args, kwargs)
        key = compute_key(positional, named)
    call = Call(method, stub._peer, dict(metadata or {}), key, deadline)  # noqa: SLF001 - as above
    call.arguments, call.keywords = args, kwargs
    call.compression = options.compression
    return call


def _deadline(deadline: float | None, timeout: float | None, method: Method, handled: Carrier | None) -> float | None:
    """The earliest of the ambient one, that of the call whose handler is running, and the stub's own or the IDL's."""
    if handled is not None:
        inherited = handled.request.deadline
        if inherited is not None and (deadline is None or inherited < deadline):
            deadline = inherited
    if timeout is None:
        timeout = method.timeout
        if timeout is None:
            return deadline
    own = asyncio.get_running_loop().time() + timeout
    return own if deadline is None or own < deadline else deadline


async def perform_call(call: Call) -> Any:  # a result of any IDL type
    """The innermost link of a chain of interceptors at the calling side."""
    method = call.method
    check_options(StubOptions(None, call.key, call.metadata))  # an interceptor may have set them
    if call.run is not None:
        return await call.run(call)  # its handler streams
    if method.cardinality.takes_items:
        return await send_stream(call)
    channel: Channel = call.peer.route.session
    parent = 0
    handled = current.get()
    if handled is not None:
        channel, parent = handled.way_to(channel)
    codec_name, codec = channel.codec(method)
    reply = await channel.call(
        method,
        codec_name,
        codec.encode_args(*call.arguments, **call.keywords),
        call.deadline,
        call.key,
        call.metadata or None,
        parent,
        compression_of(call.compression),
    )
    if method.cardinality is Cardinality.ONEWAY:
        return None
    try:
        return codec.decode_result(reply.unpack() if isinstance(reply, PackedBody) else reply)
    except Exception as error:
        note_executed(error)
        raise


def _signature(method: Method) -> inspect.Signature:
    """The method's own, for help() and completion.

    The parameters are in the IDL's order. Python lets none without a default follow one that has a default: from there
    on they are shown as keywords, though the IDL's order holds for all.
    """
    unset, positional = inspect.Parameter.empty, inspect.Parameter.POSITIONAL_OR_KEYWORD
    parameters = [inspect.Parameter("self", positional)]
    has_default = is_forced = False
    for index, one in enumerate(method.parameters):
        may_miss = one.has_default or (index == method.stream and method.cardinality.gives_items)
        has_default = has_default or may_miss
        is_forced = is_forced or (has_default and not may_miss)
        kind = inspect.Parameter.KEYWORD_ONLY if is_forced else positional
        name = f"{one.name}_" if keyword.iskeyword(one.name) else one.name
        default = one.default if may_miss else unset
        annotation = method.annotations.get(name, unset)
        parameters.append(inspect.Parameter(name, kind, default=default, annotation=annotation))
    return inspect.Signature(parameters, return_annotation=method.annotations.get("return", unset))
