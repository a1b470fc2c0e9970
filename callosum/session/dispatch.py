"""An incoming call -> the queue -> interceptors -> handler -> its one outcome."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, cast

from callosum.channel import Failure, Flushable, Inbound
from callosum.context import Call, current
from callosum.errors import Code, DecodeError, EncodeError, InvalidArgument, Outcome, RpcError
from callosum.interceptors import Interceptor, Next, compose
from callosum.protocol.messages import ITEMS_FOLLOW, ITEMS_WANTED, ONEWAY, STREAMS
from callosum.service import Body, Method, MethodCodec
from callosum.session.counters import Counters
from callosum.session.registry import Registry, Target
from callosum.session.workers import Workers
from callosum.streams import Values

_log = logging.getLogger("callosum.session")


class HandlerDispatcher:
    """Takes the calls of all sessions of one endpoint to its handlers."""

    def __init__(
        self,
        registry: Registry,
        counters: Counters,
        *,
        interceptors: Sequence[Interceptor] = (),
        max_concurrency: int = 100,
        max_pending: int = 10_000,
        expose_errors: bool = False,
    ) -> None:
        self.registry = registry
        self._targets = registry.targets
        self._counters = counters
        self._chain: Next | None = compose(interceptors, _run) if interceptors else None
        self._expose_errors = expose_errors
        self._dirty: set[Flushable] = set()
        self.workers = Workers(self._serve, max_concurrency, max_pending, self._flush)
        self.drained = self.workers.run
        """A run of `submit` is over: handlers may start."""

    # --- what sessions call -------------------------------------------------------------------------------------------

    def submit(self, call: Inbound) -> None:
        """Queue a call, or refuse it at once."""
        request = call.request
        target = self._targets.get(request.method)
        if target is None:
            self._refuse(call, Code.UNIMPLEMENTED, self._unknown(request.method))
        elif request.codec not in target.encodings:
            self._refuse(call, Code.UNIMPLEMENTED, f"{request.method} is not served in the encoding {request.codec!r}")
        elif target.is_oneway and not request.flags & ONEWAY:
            self._refuse(
                call, Code.UNIMPLEMENTED, f"{request.method} is oneway here, and the caller waits for an answer"
            )
        elif request.flags & STREAMS != target.streams:
            self._refuse(call, Code.UNIMPLEMENTED, f"{request.method} {_way(target.streams)}, by the IDL of this side")
        else:
            call.target = target
            if not self.workers.submit(call):
                self._refuse(call, Code.RESOURCE_EXHAUSTED, f"{self.workers.max_pending} calls wait already")

    def abandon(self, call: Inbound) -> None:
        """The caller of a submitted call is gone."""
        self.workers.abandon(call)

    def touched(self, carrier: Flushable) -> None:
        """A call was answered: the carrier sends it when the worker pauses."""
        self._dirty.add(carrier)

    def _flush(self) -> None:
        if self._dirty:
            dirty, self._dirty = self._dirty, set()
            for carrier in dirty:
                carrier.flush_answers()

    def _unknown(self, name: str) -> str:
        service, _, method = name.partition("/")
        served = sorted({offered.name for offered in self.registry.offered})
        if service in served:
            return f"the service {service} has no method {method!r} here"
        return f"no service {service!r} is served here; there is {', '.join(served) or 'none'}"

    def _refuse(self, call: Inbound, code: Code, text: str, error_id: str = "") -> None:
        self._counters.refuse(code.name.lower())
        method = call.request.method
        if call.request.flags & ONEWAY:
            _log.warning("refusing a oneway call of %s from %s: %s", method, call.peer.address, text)
        else:
            _log.info("refusing a call of %s from %s: %s", method, call.peer.address, text)
        call.fail(Failure(code, Outcome.REJECTED, text, error_id=error_id))

    # --- what a worker runs -------------------------------------------------------------------------------------------

    async def _serve(self, inbound: Inbound) -> None:
        """One call, from its bytes to its outcome. Raises nothing but what must end the loop."""
        request = inbound.request
        target: Target = inbound.target
        codec = target.codecs[request.codec]
        try:
            arguments = codec.decode_args(request.body)
        except DecodeError as error:
            self._refuse(inbound, Code.INVALID_ARGUMENT, str(error))
            return
        except Exception as error:  # noqa: BLE001 - a fault of the codec
            self._refuse(inbound, Code.INTERNAL, "the arguments could not be read", self._log_failure(target, error))
            return
        inbound.arguments = arguments
        current.set(inbound)
        try:
            if target.streams:
                inbound.reply(await self._serve_stream(inbound, target, codec))
                return
            if self._chain is None:
                result = await target.run(*arguments)
            else:
                call = inbound.call
                call.run = target.run
                result = await self._chain(call)
            if target.is_oneway:
                inbound.finish()
            else:
                inbound.reply(codec.encode_result(result))
        except asyncio.CancelledError:
            inbound.fail(Failure(Code.CANCELLED, Outcome.EXECUTED, "the handler was cancelled"))
        except Exception as error:  # noqa: BLE001 - whatever a handler raises is its caller's to know, nobody else's
            self._answer_exception(inbound, target, codec, error)
        except BaseException:
            inbound.fail(Failure(Code.UNAVAILABLE, Outcome.EXECUTED, "the process is ending"))
            raise

    async def _serve_stream(self, inbound: Inbound, target: Target, codec: MethodCodec) -> bytes:
        """A call that streams, to the body of its reply."""
        method, items = target.method, inbound.items
        if items is None:
            raise asyncio.CancelledError  # its caller is gone
        values = Values[Any, Any](method.wire_name, items, codec.encode_result, _checked(codec, method))
        if method.stream is not None:
            before, after = inbound.arguments[: method.stream], inbound.arguments[method.stream :]
            inbound.arguments = (*before, values, *after)
        try:
            if not method.cardinality.gives_items:
                return codec.encode_result(await self._run_target(inbound, target.run))
            await self._send_given(inbound, target, values)
            return b""
        finally:
            items.cancel()

    async def _send_given(self, inbound: Inbound, target: Target, values: Values[Any, Any]) -> None:  # as above
        """Run a handler that streams, and send what it gives."""

        async def run(*arguments: Any) -> Any:  # an async iterator of values of any IDL type
            return target.run(*arguments)

        given = await self._run_target(inbound, run)
        if not hasattr(given, "__aiter__"):
            name = target.method.wire_name
            raise TypeError(f"{name} streams, and its handler gave no async iterator, but {given!r:.100}")
        await values.send_all(given)

    async def _run_target(self, inbound: Inbound, run: Callable[..., Awaitable[Any]]) -> Any:  # as above
        if self._chain is None:
            return await run(*inbound.arguments)
        call = inbound.call
        call.run = run
        return await self._chain(call)

    def _answer_exception(self, inbound: Inbound, target: Target, codec: MethodCodec, error: Exception) -> None:
        if target.is_oneway:
            self._log_failure(target, error)
            inbound.finish()
            return
        if not isinstance(error, EncodeError):
            try:
                body = codec.encode_exception(error)
            except Exception as unfit:  # noqa: BLE001 - an EncodeError, or a fault of the IDL layer: logged below
                error = unfit
            else:
                if body is not None:
                    inbound.reply(body)
                    return
        if isinstance(error, RpcError) and not error.call and isinstance(error.code, Code):
            inbound.fail(
                Failure(error.code, Outcome.EXECUTED, error.message, error.details, error.error_id, error.retry_after)
            )
            return
        error_id = self._log_failure(target, error)
        text = "the handler failed"
        if self._expose_errors:
            text = f"{type(error).__name__}: {error}"
        inbound.fail(Failure(Code.INTERNAL, Outcome.EXECUTED, text, error_id=error_id))

    def _log_failure(self, target: Target, error: Exception) -> str:
        self._counters.count("failed")
        error_id = secrets.token_hex(4)
        _log.error("[error %s] the handler of %s failed", error_id, target.method.wire_name, exc_info=error)
        return error_id


def _checked(codec: MethodCodec, method: Method) -> Callable[[Body], Any]:  # a value of any IDL type
    """Decodes the items of a caller; one that does not fit is the caller's fault."""
    decode = codec.decode_item

    def decode_item(body: Body) -> Any:  # as above
        assert decode is not None, "its method takes items"
        try:
            return decode(body)
        except DecodeError as error:
            raise InvalidArgument(f"an item of {method.wire_name}: {error}") from error

    return decode_item


def _way(streams: int) -> str:
    """Which way a method streams, for people."""
    caller = "takes a stream" if streams & ITEMS_FOLLOW else "takes no stream"
    handler = "answers with a stream" if streams & ITEMS_WANTED else "answers with one result"
    return f"{caller}, and {handler}"


async def _run(call: Call) -> Any:  # a result of any IDL type
    """The innermost link of the chain: the handler itself."""
    return await cast(Callable[..., Coroutine[Any, Any, Any]], call.run)(*call.arguments)
