"""Makes the calls that stream: from a stub's options and arguments, through the interceptors, to the channel."""

from __future__ import annotations

import keyword
from collections.abc import AsyncIterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from callosum.compression import compression_of
from callosum.context import Call, current
from callosum.errors import ConfigurationError
from callosum.service import Method
from callosum.value_stream import ValueStream

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from callosum.channel import Channel

Arguments = tuple[tuple[Any, ...], dict[str, Any]]  # values of any IDL type


@dataclass(frozen=True, slots=True)
class Reading:
    """How a caller reads what comes."""

    item_timeout: float | None = None
    """Seconds for which each item is waited for."""
    keeps_newest: bool = False


def begin_stream(call: Call, reading: Reading) -> ValueStream[Any, Any]:  # values of any IDL type
    """Send the request of a call that streams, and begin to send what the caller gave to be sent."""
    method = call.method
    channel: Channel = call.peer.route.session
    parent = 0
    handled = current.get()
    if handled is not None:
        channel, parent = handled.way_to(channel)
    arguments, source = split_stream(method, call.arguments, call.keywords)
    codec_name, codec = channel.codec(method)
    body = codec.encode_args(*arguments[0], **arguments[1])
    compression = compression_of(call.compression)
    items = channel.open_stream(
        method, codec_name, body, call.deadline, call.key, call.metadata or None, parent, compression
    )
    values = ValueStream[Any, Any](
        method.wire_name, items, codec.encode_item, codec.decode_result, reading.item_timeout, codec.view_result
    )
    if reading.keeps_newest:
        values.keep_newest()
    if source is not None:
        values.start_pump(source)
    return values


async def receive_stream(
    call: Call, reading: Reading, chain: Callable[[Call], Awaitable[Any]] | None
) -> tuple[ValueStream[Any, Any], AsyncIterable[Any]]:  # values of any IDL type
    """Make a call whose handler streams, through the interceptors where there are any."""
    if chain is None:
        values = begin_stream(call, reading)
        return values, values
    begun: list[ValueStream[Any, Any]] = []

    async def innermost(inner: Call) -> ValueStream[Any, Any]:
        begun.append(begin_stream(inner, reading))
        return begun[-1]

    call.run = innermost
    try:
        source = await chain(call)
        _check_iterable(source, "what an interceptor returned")
    except BaseException:
        for values in begun:
            await values.leave()
        raise
    if not begun:
        raise ConfigurationError(f"an interceptor has not made the call of {call.method.wire_name}, which streams")
    for values in begun[:-1]:
        await values.leave()
    return begun[-1], cast(AsyncIterable[Any], source)


async def send_stream(call: Call) -> Any:  # a result of any IDL type
    """Make a call whose caller streams, and wait for its result. Cancellation: safe, the handler is cancelled."""
    values = begin_stream(call, Reading())
    try:
        body = await values.items.outcome()
    finally:
        await values.leave()
    return values.decode(body)


def split_stream(
    method: Method, args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> tuple[Arguments, AsyncIterable[Any] | None]:  # values of any IDL type
    """The arguments of the request, and the stream of the caller's."""
    if method.stream is None:
        return (args, dict(kwargs)), None
    position = method.stream
    parameter = method.parameters[position].name
    name = f"{parameter}_" if keyword.iskeyword(parameter) else parameter
    named = dict(kwargs)
    source = named.pop(name, None)
    if source is None and len(args) > position:
        source = args[position]
        args = args[:position] + args[position + 1 :]
    if source is not None:
        _check_iterable(source, f"{name} of {method.wire_name}")
        if getattr(source, "ag_frame", source) is None:
            raise ConfigurationError(f"{name} of {method.wire_name} is an async generator that has ended already")
    elif not method.cardinality.gives_items:
        raise TypeError(f"{method.name}() needs {name}: an async iterable of what is sent")
    return (args, named), source


def _check_iterable(source: object, what: str) -> None:
    if not hasattr(source, "__aiter__"):
        raise TypeError(f"{what} is an async iterable; this is {type(source).__name__}")
