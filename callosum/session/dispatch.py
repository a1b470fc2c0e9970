"""An incoming call -> the order of its key -> the queue -> interceptors -> handler -> its one outcome."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar, cast

from callosum.channel import Failure, Flushable, Inbound, ItemStream
from callosum.compression import PackedBody
from callosum.context import Call, Key, current
from callosum.errors import Code, DecodeError, EncodeError, InvalidArgument, Outcome, ResourceExhausted, RpcError
from callosum.interceptors import Interceptor, Next, compose
from callosum.protocol.messages import ITEMS_FOLLOW, ITEMS_WANTED, ONEWAY, STREAMS
from callosum.service import Body, Method, MethodCodec
from callosum.session.counters import Counters
from callosum.session.lanes import Lane
from callosum.session.registry import Registry, Target
from callosum.session.scheduling import Place, Scheduling, Stage, Unordered, make_order, policy_for
from callosum.session.workers import Bounds, Workers
from callosum.threads import MAX_THREADS, Threads
from callosum.value_stream import ValueStream, stop_iterator

if TYPE_CHECKING:
    from callosum.peer import Peer

_log = logging.getLogger("callosum.session")
B = TypeVar("B")

_DEFAULT = Bounds()
_UNORDERED = Unordered()
_WITHIN = "the call waits for its key, and the handler that has the key waits for the call"


class HandlerDispatcher:
    """Takes the calls of all sessions of one endpoint to its handlers."""

    def __init__(
        self,
        registry: Registry,
        counters: Counters,
        *,
        interceptors: Sequence[Interceptor] = (),
        bounds: Bounds = _DEFAULT,
        scheduling: Scheduling = _UNORDERED,
        expose_errors: bool = False,
        max_threads: int = MAX_THREADS,
    ) -> None:
        self.registry = registry
        self._targets = registry.targets
        self._counters = counters
        self._chain: Next | None = compose(interceptors, _run) if interceptors else None
        self._expose_errors = expose_errors
        self._dirty: set[Flushable] = set()
        self._scheduling = scheduling
        self._is_plain = scheduling == _UNORDERED and bounds.are_shared and bounds.max_queue_delay is None
        """Whether all that is asked of a call is whether too many wait already."""
        self.workers = Workers(self._serve, bounds, self._flush, self._reject)
        self.drained = self.workers.run
        """A run of `submit` is over: handlers may start."""
        self._threads = Threads(max_threads)

    def open(self) -> None:
        """Take the running loop and the current context: handlers may run."""
        self.workers.open(self._threads.open)

    async def close(self) -> None:
        """Cancel what runs, and wait for it a bounded time; threads come last, for handlers wait for them."""
        await self.workers.close()
        await self._threads.close()

    # --- what sessions call -------------------------------------------------------------------------------------------

    def join(self, peer: Peer) -> Lane:
        """The session of a peer has opened: its policy is chosen."""
        lane = Lane()
        try:
            policy = policy_for(self._scheduling, peer)
            lane.order = make_order(policy, partial(self._admit, lane), self.workers.hurry)
        except Exception as error:  # noqa: BLE001 - whatever the user's function raises: without an order nothing runs
            lane.fault = f"no scheduling policy for {peer.address}"
            _log.error("%s: its calls are refused", lane.fault, exc_info=error)
        return lane

    def expect(self, call: Inbound) -> None:
        """Take the place of a call that has begun to arrive."""
        if not self._is_plain and call.request.method in self._targets:
            self._take_place(call, call.request.key)

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
            if not self._is_plain:
                self._submit_in_order(call, target)
            elif not self.workers.submit(call):
                self._refuse(call, Code.RESOURCE_EXHAUSTED, f"{self.workers.bounds.max_pending} calls wait already")

    def abandon(self, call: Inbound) -> None:
        """The caller of an expected or submitted call is gone."""
        place: Place | None = call.place
        if place is None or place.stage is Stage.LEFT:
            self.workers.abandon(call)
        elif self.workers.is_driving(call):
            self.workers.abandon(call)
            place.order.forsake(place)
        else:
            if place.stage is Stage.ADMITTED:
                self.workers.abandon(call)
            else:
                call.finish()
            self._withdraw(call)
        if place is not None:
            self.workers.wake()

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
        method = call.request.method
        if call.request.flags & ONEWAY:
            _log.warning("refusing a oneway call of %s from %s: %s", method, call.peer.address, text)
        else:
            _log.info("refusing a call of %s from %s: %s", method, call.peer.address, text)
        self._reject(call, Failure(code, Outcome.REJECTED, text, error_id=error_id))

    def _reject(self, call: Inbound, failure: Failure) -> None:
        """Answer a call that does not run: its place in the order is given up."""
        self._counters.refuse(failure.code.name.lower())
        call.fail(failure)
        self._withdraw(call)

    # --- the order of a key -------------------------------------------------------------------------------------------

    def _submit_in_order(self, call: Inbound, target: Target) -> None:
        """Queue a call when its turn has come, or refuse it at once."""
        lane: Lane = call.lane
        if lane.fault:
            self._refuse(call, Code.INTERNAL, lane.fault)
            return
        is_nested = call.request.parent != 0
        if not is_nested and (excess := self.workers.excess(lane)):
            self._refuse(call, Code.RESOURCE_EXHAUSTED, excess)
            return
        if call.place is None and lane.order is not None and not self._find_place(call, target):
            return
        call.since = self.workers.now()
        place: Place | None = call.place
        if place is None or place.stage is Stage.ADMITTED or place.order.ready(place):
            self.workers.enqueue(call)
        elif not is_nested:
            lane.in_line += 1
            self.workers.in_line += 1

    def _find_place(self, call: Inbound, target: Target) -> bool:
        """Take a call's place, where it has one to take; False where it was refused."""
        key = call.request.key
        if not call.carries_key and target.key_of is not None:
            try:
                key = target.key_of(target.codecs[call.request.codec].decode_args(call.request.body), {})
            except (DecodeError, EncodeError) as error:
                self._refuse(call, Code.INVALID_ARGUMENT, str(error))
                return False
        if self._take_place(call, key):
            return True
        self._refuse(call, Code.RESOURCE_EXHAUSTED, _WITHIN)
        return False

    @staticmethod
    def _take_place(call: Inbound, key: Key | None) -> bool:
        """Take a call's place, where it has one to take; False where it must not wait for it."""
        order = call.lane.order
        if key is None or order is None:
            return True
        if call.request.parent and order.is_within(call.makers(), key):
            return not order.refuses_within
        call.place = order.take(call, key)
        return True

    def _admit(self, lane: Lane, call: Inbound) -> None:
        """Its turn has come. Whoever gave way sees to it that a worker looks at the queue."""
        self._leave_line(lane, call)
        self.workers.enqueue(call)

    def _leave_line(self, lane: Lane, call: Inbound) -> None:
        if not call.request.parent:
            lane.in_line -= 1
            self.workers.in_line -= 1

    def _withdraw(self, call: Inbound) -> None:
        place: Place | None = call.place
        if place is not None:
            if place.stage is Stage.WAITING:
                self._leave_line(call.lane, call)
            place.order.withdraw(place)

    def _reply(self, call: Inbound, body: Body) -> None:
        if call.place is None:
            call.reply(body)
        else:
            call.place.settle(partial(call.reply, body), len(body))

    def _fail(self, call: Inbound, failure: Failure) -> None:
        if call.place is None:
            call.fail(failure)
        else:
            call.place.settle(partial(call.fail, failure), len(failure.text))

    def _finish(self, call: Inbound) -> None:
        if call.place is None:
            call.finish()
        else:
            call.place.settle(call.finish, 0)

    # --- what a worker runs -------------------------------------------------------------------------------------------

    async def _serve_packed(self, inbound: Inbound) -> None:
        """A call whose body is compressed: it is decompressed now, when its handler is to start."""
        try:
            with inbound.unpacked() as body:
                await self._serve(inbound, body)
        except DecodeError as error:
            self._refuse(inbound, Code.INVALID_ARGUMENT, str(error))
        except ResourceExhausted as error:
            self._refuse(inbound, Code.RESOURCE_EXHAUSTED, error.message)

    async def _serve(self, inbound: Inbound, body: Body | None = None) -> None:
        """One call, from its bytes to its outcome. Raises nothing but what must end the loop."""
        request = inbound.request
        if body is None:
            if request.compression:
                await self._serve_packed(inbound)
                return
            body = request.body
        target: Target = inbound.target
        codec = target.codecs[request.codec]
        try:
            arguments = codec.decode_args(body)
        except DecodeError as error:
            self._refuse(inbound, Code.INVALID_ARGUMENT, str(error))
            return
        except Exception as error:  # noqa: BLE001 - a fault of the codec
            self._refuse(inbound, Code.INTERNAL, "the arguments could not be read", self._log_failure(target, error))
            return
        inbound.arguments = arguments
        current.set(inbound)
        began = 0.0 if request.deadline is None or target.streams else inbound.since
        try:
            if target.streams:
                self._reply(inbound, await self._serve_stream(inbound, target, codec))
            else:
                if self._chain is None:
                    result = await target.run(*arguments)
                else:
                    result = await self._run_target(inbound, target.run)
                if target.is_oneway:
                    self._finish(inbound)
                else:
                    self._reply(inbound, codec.encode_result(result))
        except asyncio.CancelledError:
            if began:
                self.workers.shedding.note_cut(request.method, self.workers.now() - began)
                began = 0.0
            self._fail(inbound, Failure(Code.CANCELLED, Outcome.EXECUTED, "the handler was cancelled"))
        except Exception as error:  # noqa: BLE001 - whatever a handler raises is its caller's to know, nobody else's
            self._answer_exception(inbound, target, codec, error)
        except BaseException:
            self._fail(inbound, Failure(Code.UNAVAILABLE, Outcome.EXECUTED, "the process is ending"))
            raise
        if began:
            self.workers.shedding.note(request.method, self.workers.now() - began)

    async def _serve_stream(self, inbound: Inbound, target: Target, codec: MethodCodec) -> bytes:
        """The handler of a call that streams, to the body of its reply."""
        items = inbound.items
        if items is None:
            raise asyncio.CancelledError  # its caller is gone
        try:
            return await self._run_stream(inbound, target, codec, items)
        finally:
            items.cancel()  # its outcome may have to wait for others of its key

    async def _run_stream(self, inbound: Inbound, target: Target, codec: MethodCodec, items: ItemStream) -> bytes:
        method = target.method
        values = ValueStream[Any, Any](
            method.wire_name,
            items,
            codec.encode_result,
            _checked(codec.decode_item, method),
            view=codec.view_item and _checked(codec.view_item, method),
            unpack=_checked(PackedBody.unpack, method),
        )
        if method.stream is not None:
            before, after = inbound.arguments[: method.stream], inbound.arguments[method.stream :]
            inbound.arguments = (*before, values, *after)
        if not method.cardinality.gives_items:
            return codec.encode_result(await self._run_target(inbound, target.run))

        made: list[Any] = []  # async iterators of values of any IDL type

        async def run(*arguments: Any) -> Any:  # as above
            made.append(target.run(*arguments))
            return made[-1]

        try:
            given = await self._run_target(inbound, run)
            if not hasattr(given, "__aiter__"):
                name = method.wire_name
                raise TypeError(f"{name} streams, and its handler gave no async iterator, but {given!r:.100}")
            await values.send_all(given)
        finally:
            for iterator in made:  # what interceptors made of it leaves that to the garbage collector
                await stop_iterator(iterator)
        return b""

    async def _run_target(self, inbound: Inbound, run: Callable[..., Awaitable[Any]]) -> Any:  # as above
        if self._chain is None:
            return await run(*inbound.arguments)
        call = inbound.call
        call.run = run
        return await self._chain(call)

    def _answer_exception(self, inbound: Inbound, target: Target, codec: MethodCodec, error: Exception) -> None:
        if target.is_oneway:
            self._log_failure(target, error)
            self._finish(inbound)
            return
        if not isinstance(error, EncodeError):
            try:
                body = codec.encode_exception(error)
            except Exception as unfit:  # noqa: BLE001 - an EncodeError, or a fault of the IDL layer: logged below
                error = unfit
            else:
                if body is not None:
                    self._reply(inbound, body)
                    return
        if isinstance(error, RpcError) and not error.call and isinstance(error.code, Code):
            self._fail(
                inbound,
                Failure(error.code, Outcome.EXECUTED, error.message, error.details, error.error_id, error.retry_after),
            )
            return
        error_id = self._log_failure(target, error)
        text = "the handler failed"
        if self._expose_errors:
            text = f"{type(error).__name__}: {error}"
        self._fail(inbound, Failure(Code.INTERNAL, Outcome.EXECUTED, text, error_id=error_id))

    def _log_failure(self, target: Target, error: Exception) -> str:
        self._counters.count("failed")
        error_id = secrets.token_hex(4)
        _log.error("[error %s] the handler of %s failed", error_id, target.method.wire_name, exc_info=error)
        return error_id


def _checked(decode: Callable[[B], Any] | None, method: Method) -> Callable[[B], Any]:  # values of any IDL type
    """Decodes the items of a caller, or decompresses them; one that does not fit is the caller's fault."""

    def decode_item(body: B) -> Any:  # as above
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
