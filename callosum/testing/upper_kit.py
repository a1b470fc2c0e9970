"""What an IDL layer must do, as checks that pytest collects.

Nothing here imports pytest: a check is a method that raises AssertionError, and says what was expected.
"""

from __future__ import annotations

import asyncio
import copy
import keyword
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from callosum.endpoints import connect, listen
from callosum.errors import ConfigurationError, DecodeError, EncodeError, Internal, InvalidArgument, Outcome
from callosum.peer import Peer
from callosum.service import Body, Cardinality, Method, MethodCodec, Service, service_of
from callosum.stub import Stub

PATIENCE: Final = 30.0
"""Seconds after which a check has failed."""
_MUTATIONS: Final = 200
"""Changed bodies that are tried for each value."""
Values = Mapping[str, Sequence[Any]]
"""Values of any IDL type, by the method that takes and returns them."""


@dataclass(frozen=True, kw_only=True)
class Evolution:
    """Two versions of a service that have to understand each other. Both have one name, and the method."""

    older: type
    newer: type
    method: str
    """Takes one value and returns it."""
    forward: Sequence[tuple[Any, Any]]
    """What the older sends, and what the newer sees: the new parts have their defaults."""
    backward: Sequence[tuple[Any, Any]]
    """What the newer sends, and what the older sees: the new parts are gone."""


@dataclass(frozen=True, kw_only=True)
class StreamSample:
    """A method that streams, and values for it. Each value has to come back equal, and of the same type."""

    method: str
    arguments: Sequence[Any] = ()  # values of any IDL type
    """All that comes with the request: one value for each parameter but the stream."""
    items: Sequence[Any] = ()
    """Values of the caller's stream; none where it takes none."""
    results: Sequence[Any] = ()
    """What the handler gives: values of its stream, or its one result."""
    wrong_items: Sequence[Any] = ()
    """Values that cannot be items of the caller's."""
    declared: Sequence[Exception] = ()
    """Exceptions that the method declares, with their fields set: what may end its stream."""


@dataclass(frozen=True, kw_only=True)
class UpperSample:
    """A service in the IDL of a layer, and values that it has to carry and to refuse. Names are those of the IDL."""

    service: type
    """The service class."""
    echoes: Values
    """Methods of one parameter that return what they were given, for every type of the IDL and for names that mean
    something in Python or to stubs; each with values that have to come back equal, and of the same type."""
    wrong: Values
    """For some of them, values that are of no type that the method takes."""
    failing: str
    """A method that takes an integer and returns anything; it raises that one of `declared`."""
    declared: Sequence[Exception]
    """Exceptions that the failing method declares, one of each kind that the IDL has, with their fields set."""
    oneway: str
    """A method without an answer, of one parameter."""
    sent: Any  # of any IDL type
    """A value for it."""
    evolutions: Sequence[Evolution] = field(default=())
    streams: Sequence[StreamSample] = field(default=())
    """Methods that stream, of each mode that the IDL has. The others of the service stream nothing."""


class UpperChecks:
    """The checks; `check_upper` makes a subclass for a sample."""

    sample: UpperSample
    address: str

    # --- what the layer says ------------------------------------------------------------------------------------------

    def test_the_class_names_its_service(self) -> None:
        """`service_of` gives one and the same service, whose methods are whole."""
        service = service_of(self.sample.service)
        assert service is service_of(self.sample.service), "service_of gives another object the second time"
        assert service.codecs, "the methods have no encoding in common"
        assert len(service.fingerprint) >= 32, f"the fingerprint {service.fingerprint!r} is too short to tell versions"
        for name, method in service.methods.items():
            assert method.name == name, f"{name} calls itself {method.name}"
            assert method.wire_name == f"{service.name}/{name}", f"{name} is {method.wire_name} on the wire"
            assert name in service.describe(), f"describe() does not mention {name}"

    def test_names_can_be_written_in_python(self) -> None:
        """Methods have attributes that Python and stubs leave free, and no two have the same."""
        methods = service_of(self.sample.service).methods.values()
        attributes = [method.python_name or method.name for method in methods]
        assert len(set(attributes)) == len(attributes), f"two methods have one name: {sorted(attributes)}"
        for name in attributes:
            assert name.isidentifier(), f"{name!r} is no identifier"
            assert not keyword.iskeyword(name), f"{name} is a word of Python: put an underscore behind it"
            assert not hasattr(Stub, name), f"{name} is an attribute of every stub: put an underscore behind it"

    def test_a_class_of_something_else_is_not_taken(self) -> None:
        """The layer leaves other classes to others: a subclass that users write is no service class."""
        derived = type("Derived", (self.sample.service,), {})
        try:
            service = service_of(derived)
        except ConfigurationError:
            return
        assert service.name != service_of(self.sample.service).name, "a class that a user derived counts as the service"

    # --- values and bytes ---------------------------------------------------------------------------------------------

    def test_values_come_back_from_bytes(self) -> None:
        """In every encoding: by position, from a memoryview, as arguments and as result."""
        for method, codec, value in self._values():
            body = codec.encode_args(value)
            assert isinstance(body, bytes), f"{method.name}: encode_args gave a {type(body).__name__}, not bytes"
            _assert_same(codec.decode_args(body), (value,), f"the arguments of {method.name}")
            _assert_same(codec.decode_args(memoryview(body)), (value,), f"{method.name}, from a memoryview")
            result = codec.encode_result(value)
            assert isinstance(result, bytes), f"{method.name}: encode_result gave a {type(result).__name__}"
            _assert_same(codec.decode_result(memoryview(result)), value, f"the result of {method.name}")

    def test_arguments_can_be_given_by_name(self) -> None:
        """By the name that the parameter has; what does not fit the signature is a TypeError."""
        for method, codec, value in self._values():
            (parameter,) = method.parameters
            by_name = codec.encode_args(**{parameter.name: value})
            _assert_same(codec.decode_args(by_name), (value,), f"{method.name}({parameter.name}=...)")
            for args, kwargs in (
                ((value, value), {}),
                ((), {"no_such_parameter": value}),
                ((value,), {parameter.name: value}),
            ):
                _assert_raises(TypeError, partial(codec.encode_args, *args, **kwargs), f"{method.name}{args}{kwargs}")

    def test_a_value_is_not_changed_by_encoding(self) -> None:
        """What the caller gave is the caller's."""
        for method, codec, value in self._values():
            before = copy.deepcopy(value)
            codec.encode_args(value)
            codec.encode_result(value)
            _assert_same(value, before, f"the value that {method.name} encoded")

    def test_wrong_values_are_encode_errors(self) -> None:
        """With a path, and before anything is sent; as arguments and as result."""
        for method, codec, value in self._values(self.sample.wrong):
            for encode in (codec.encode_args, codec.encode_result):
                error = _assert_raises(EncodeError, partial(encode, value), f"{method.name} encodes {value!r}")
                assert method.name in error.path, f"the path {error.path!r} does not lead to {method.name}"
                assert error.outcome is Outcome.NOT_SENT, f"outcome {error.outcome!r}: nothing was sent"

    def test_broken_bytes_are_decode_errors_or_values(self) -> None:
        """Cut short anywhere, changed anywhere: nothing but DecodeError, and nothing that hangs."""
        declared = tuple(type(error) for error in self.sample.declared)
        chance = random.Random(1)  # noqa: S311 - the same changes each time
        for method, codec, value in self._values():
            for body, decode in (
                (codec.encode_args(value), codec.decode_args),
                (codec.encode_result(value), codec.decode_result),
            ):
                for broken in _broken(body, chance):
                    _decode_or_refuse(decode, broken, declared, f"{method.name} of {broken[:100]!r}")

    def test_exceptions_come_back_from_bytes(self) -> None:
        """Those that are declared, as themselves; for others the layer answers None."""
        method = self._method(self.sample.failing)
        for codec in method.codecs.values():
            for error in self.sample.declared:
                body = codec.encode_exception(error)
                assert isinstance(body, bytes), f"{error!r} is declared, and was encoded as {body!r}"
                arrived = _assert_raises(type(error), partial(codec.decode_result, body), f"decoding {error!r}")
                _assert_same_exception(arrived, error)
            for stranger in (LookupError("x"), RuntimeError(), OSError(1, "x")):
                found = codec.encode_exception(stranger)
                assert found is None, f"{stranger!r} is not declared, and was encoded as {found!r}"

    # --- streams ------------------------------------------------------------------------------------------------------

    def test_only_streaming_methods_have_items(self) -> None:
        """A method has a parameter that is the caller's stream, and items, exactly where its cardinality says so."""
        streaming = {one.method for one in self.sample.streams}
        for method in service_of(self.sample.service).methods.values():
            kind = method.cardinality
            assert bool(kind.mode) == (method.name in streaming), f"{method.name} is {kind}: is a sample missing?"
            assert (method.stream is not None) == kind.takes_items, f"{method.name} is {kind}, stream={method.stream!r}"
            if method.stream is not None:
                assert 0 <= method.stream < len(method.parameters), f"{method.name}: stream={method.stream}"
                name = method.parameters[method.stream].name
                assert method.key != name, f"{method.name}: its key is its stream, which comes later"
            for codec in method.codecs.values():
                found = (codec.encode_item is not None, codec.decode_item is not None)
                assert found == (kind.takes_items,) * 2, f"{method.name} is {kind}; encode_item, decode_item: {found}"

    def test_arguments_travel_without_the_stream(self) -> None:
        """Encoded by position and by name, decoded as a tuple in the order of the parameters, the stream left out."""
        for sample, method, codec in self._streams():
            wanted = tuple(sample.arguments)
            names = [one.name for index, one in enumerate(method.parameters) if index != method.stream]
            assert len(names) == len(wanted), f"{method.name} takes {names}, and the sample has {wanted}"
            body = codec.encode_args(*wanted)
            assert codec.encode_args(**dict(zip(names, wanted, strict=True))) == body, f"{method.name} by name"
            _assert_same(codec.decode_args(memoryview(body)), wanted, f"the arguments of {method.name}")
            if method.stream is not None:
                stream: dict[str, list[object]] = {method.parameters[method.stream].name: []}
                _assert_raises(TypeError, partial(codec.encode_args, *wanted, **stream), f"{method.name}(**{stream})")

    def test_items_and_results_of_streams_come_back_from_bytes(self) -> None:
        """Each by itself; a wrong item is an EncodeError, broken bytes give a DecodeError or a value."""
        chance = random.Random(1)  # noqa: S311 - the same changes each time
        for sample, method, codec in self._streams():
            for value, encode, decode in _parts(sample, codec):
                body = encode(value)
                assert isinstance(body, bytes), f"{method.name}: {encode} gave a {type(body).__name__}"
                _assert_same(decode(memoryview(body)), value, f"a value of a stream of {method.name}")
                for broken in _broken(body, chance):
                    declared = tuple(type(error) for error in sample.declared)
                    _decode_or_refuse(decode, broken, declared, f"{method.name} of {broken[:100]!r}")
            for value in sample.wrong_items:
                assert codec.encode_item is not None, f"{method.name} takes no items"
                error = _assert_raises(EncodeError, partial(codec.encode_item, value), f"an item {value!r}")
                assert method.name in error.path, f"the path {error.path!r} does not lead to {method.name}"

    def test_declared_exceptions_end_streams(self) -> None:
        """They come back from bytes as themselves."""
        for sample, _, codec in self._streams():
            for error in sample.declared:
                body = codec.encode_exception(error)
                assert isinstance(body, bytes), f"{error!r} is declared, and was encoded as {body!r}"
                arrived = _assert_raises(type(error), partial(codec.decode_result, body), f"decoding {error!r}")
                _assert_same_exception(arrived, error)

    # --- over a session -----------------------------------------------------------------------------------------------

    def test_values_cross_a_session(self) -> None:
        """Both ways, called by their name in Python."""

        async def check(peer: Peer, _: _Handler) -> None:
            for method, _codec, value in self._values():
                arrived = await self._call(peer, method.name, value)
                _assert_same(arrived, value, f"what {method.name} returned")

        self._serve(check)

    def test_declared_exceptions_cross_a_session(self) -> None:
        """They arrive as themselves, and say that the handler ran."""

        async def check(peer: Peer, _: _Handler) -> None:
            for index, error in enumerate(self.sample.declared):
                arrived = await _raised(self._call(peer, self.sample.failing, index))
                _assert_same_exception(arrived, error)
                if "outcome" not in vars(error):  # a field of the user's
                    outcome = getattr(arrived, "outcome", None)
                    assert outcome is Outcome.EXECUTED, f"the outcome of {arrived!r} is {outcome!r}"

        self._serve(check)

    def test_undeclared_exceptions_are_internal(self) -> None:
        """Whatever else a handler raises says nothing of itself but that it ran."""

        async def check(peer: Peer, handler: _Handler) -> None:
            handler.stranger = LookupError("a secret")
            arrived = await _raised(self._call(peer, self.sample.failing, 0))
            assert isinstance(arrived, Internal), f"it arrived as {arrived!r}"
            assert arrived.outcome is Outcome.EXECUTED
            assert "secret" not in str(arrived)

        self._serve(check)

    def test_a_oneway_has_no_answer(self) -> None:
        """The call returns None, and the handler gets the value."""
        assert self._method(self.sample.oneway).cardinality is Cardinality.ONEWAY

        async def check(peer: Peer, handler: _Handler) -> None:
            assert await self._call(peer, self.sample.oneway, self.sample.sent) is None
            _assert_same(await handler.noted.get(), self.sample.sent, "what the oneway brought")

        self._serve(check)

    def test_wrong_values_harm_their_own_call_alone(self) -> None:
        """A wrong argument is not sent, a wrong result is Internal, and the next call works."""

        async def check(peer: Peer, handler: _Handler) -> None:
            for method, _codec, value in self._values(self.sample.wrong):
                arrived = await _raised(self._call(peer, method.name, value))
                assert isinstance(arrived, EncodeError), f"{method.name}({value!r}) raised {arrived!r}"
                right = self.sample.echoes[method.name][0]
                handler.instead = [value]
                arrived = await _raised(self._call(peer, method.name, right))
                assert isinstance(arrived, Internal), f"{method.name} returned {value!r}: the caller got {arrived!r}"
                _assert_same(await self._call(peer, method.name, right), right, "the next call")

        self._serve(check)

    def test_arguments_that_do_not_decode_are_rejected(self) -> None:
        """InvalidArgument, REJECTED: the handler did not run."""
        noise = bytes(range(255, 127, -1))

        async def check(peer: Peer, _: _Handler) -> None:
            session = peer.route.session
            method = self._method(next(iter(self.sample.echoes)))
            name, _codec = session.codec(method)
            arrived = await _raised(session.call(method, name, noise, None, None, None, 0))
            assert isinstance(arrived, InvalidArgument), f"the answer to noise is {arrived!r}"
            assert arrived.outcome is Outcome.REJECTED

        self._serve(check)

    def test_versions_understand_each_other(self) -> None:
        """An older client calls a newer server, and the other way round."""
        for evolution in self.sample.evolutions:
            ways = (
                (evolution.older, evolution.newer, evolution.forward),
                (evolution.newer, evolution.older, evolution.backward),
            )
            marks = {service_of(cls).fingerprint for cls in (evolution.older, evolution.newer)}
            assert len(marks) == 2, "two versions have one fingerprint"
            for client, server, values in ways:
                self._check_evolution(evolution.method, client, server, values)

    def _check_evolution(self, name: str, client: type, server: type, values: Iterable[tuple[Any, Any]]) -> None:
        async def check(peer: Peer, handler: _Handler) -> None:
            method = service_of(client).methods[name]
            call = getattr(peer.stub(client), method.python_name or name)
            for sent, wanted in values:
                await call(sent)
                _assert_same(await handler.noted.get(), wanted, f"what became of {sent!r}")

        self._serve(check, _Handler(service_of(server), {}, name), server)

    # --- the ground ---------------------------------------------------------------------------------------------------

    def _method(self, name: str) -> Method:
        return service_of(self.sample.service).methods[name]

    def _values(self, values: Values | None = None) -> Iterable[tuple[Method, MethodCodec, Any]]:
        """Every value with every encoding of its method."""
        for name, some in (self.sample.echoes if values is None else values).items():
            method = self._method(name)
            for codec in method.codecs.values():
                for value in some:
                    yield method, codec, value

    def _streams(self) -> Iterable[tuple[StreamSample, Method, MethodCodec]]:
        """Every method that streams with every encoding."""
        for sample in self.sample.streams:
            method = self._method(sample.method)
            for codec in method.codecs.values():
                yield sample, method, codec

    async def _call(self, peer: Peer, name: str, value: Any) -> Any:  # of any IDL type
        stub: Any = peer.stub(self.sample.service, timeout=PATIENCE)
        return await getattr(stub, self._method(name).python_name or name)(value)

    def _serve(
        self,
        check: Callable[[Peer, _Handler], Coroutine[None, None, None]],
        handler: _Handler | None = None,
        service_class: type | None = None,
    ) -> None:
        async def main() -> None:
            served = handler or _Handler(
                service_of(self.sample.service),
                dict(enumerate(self.sample.declared)),
                self.sample.oneway,
                self.sample.failing,
            )
            async with (
                asyncio.timeout(2 * PATIENCE),
                listen(self.address, {service_class or self.sample.service: served}) as server,
                connect(server.addresses[0]) as peer,
            ):
                await check(peer, served)

        asyncio.run(main())


class _Handler:
    """Serves any sample: echoes, but for the method that fails and the one whose values are noted."""

    def __init__(
        self, service: Service, declared: Mapping[int, Exception], noting: str = "", failing: str = ""
    ) -> None:
        self.noted: asyncio.Queue[Any] = asyncio.Queue()  # values of any IDL type
        self.instead: list[Any] = []
        """What the next echoes return."""
        self.stranger: Exception | None = None
        self._declared = declared
        for method in service.methods.values():
            serve: Callable[..., object] = self._echo
            if method.name == failing:
                serve = self._fail
            elif method.name == noting:
                serve = self._note
            elif method.cardinality.gives_items:
                serve = self._give
            elif method.cardinality.takes_items:
                serve = self._take
            setattr(self, method.python_name or method.name, serve)

    async def _echo(self, value: Any) -> Any:
        return self.instead.pop() if self.instead else value

    async def _give(self, *_: Any) -> AsyncIterator[Any]:  # values of any IDL type
        """Serves a method that streams, for `listen` to take it: what streams is asked of the codecs."""
        nothing: list[object] = []
        for value in nothing:
            yield value

    async def _take(self, *_: Any) -> None:
        """The same, where the caller alone streams."""

    async def _note(self, value: Any, *_: Any) -> Any:  # a newer version may have more
        self.noted.put_nowait(value)
        return value

    async def _fail(self, value: Any) -> Any:
        raise self.stranger or self._declared[value]


def check_upper(sample: UpperSample, address: str = "memory://check-upper") -> type[UpperChecks]:
    """Make the checks of an IDL layer, as a class that pytest collects in a test module.

    One line is enough: ``TestMyLayer = testing.check_upper(my_sample)``.

    Args:
        sample: A service of the layer, and values.
        address: Where it is served while it is checked; any transport will do.
    """
    return type(f"Check{sample.service.__name__}", (UpperChecks,), {"sample": sample, "address": address})


def _parts(
    sample: StreamSample, codec: MethodCodec
) -> Iterable[tuple[Any, Callable[[Any], bytes], Callable[[Body], Any]]]:  # values of any IDL type
    """The values of a sample, each with what encodes and decodes it."""
    for value in sample.results:
        yield value, codec.encode_result, codec.decode_result
    for value in sample.items:
        assert codec.encode_item is not None, f"{sample.method} has no encode_item"
        assert codec.decode_item is not None, f"{sample.method} has no decode_item"
        yield value, codec.encode_item, codec.decode_item


def _broken(body: bytes, chance: random.Random) -> Iterable[bytes]:
    step = max(1, len(body) // _MUTATIONS)
    for end in range(0, len(body), step):
        yield body[:end]
    yield body + b"\0"
    for _ in range(min(_MUTATIONS, 8 * len(body))):
        changed = bytearray(body)
        changed[chance.randrange(len(body))] = chance.randrange(256)
        yield bytes(changed)


def _decode_or_refuse(
    decode: Callable[[bytes], object], body: bytes, declared: tuple[type[Exception], ...], what: str
) -> None:
    try:
        decode(body)
    except DecodeError:
        return
    except declared:
        return
    except Exception as error:
        raise AssertionError(f"{what} raised {error!r}, and not DecodeError") from error


def _assert_raises(expected: type[Exception], action: Callable[[], object], what: str) -> Any:  # the exception
    try:
        found = action()
    except expected as error:
        return error
    except Exception as error:
        raise AssertionError(f"{what}: expected {expected.__name__}, and got {error!r}") from error
    raise AssertionError(f"{what}: expected {expected.__name__}, and nothing was raised but {found!r} returned")


async def _raised(call: Awaitable[Any]) -> Exception:  # a result of any IDL type
    try:
        found = await call
    except Exception as error:  # noqa: BLE001 - it is looked at
        return error
    raise AssertionError(f"the call returned {found!r}, and was to fail")


def _assert_same(found: Any, wanted: Any, what: str) -> None:  # values of any IDL type
    assert type(found) is type(wanted), f"{what}: {found!r} is a {type(found).__name__}, not {wanted!r}"
    assert found == wanted, f"{what}: {found!r} is not {wanted!r}"


def _assert_same_exception(found: Exception, wanted: Exception) -> None:
    assert type(found) is type(wanted), f"{wanted!r} arrived as {found!r}"
    assert _fields(found) == _fields(wanted), f"{wanted!r} arrived with other fields: {_fields(found)}"


def _fields(error: Exception) -> Mapping[str, object]:
    """What it carries: its attributes where it has some, otherwise what it was made with."""
    fields = {name: value for name, value in vars(error).items() if name != "outcome"}
    return fields or {str(index): value for index, value in enumerate(error.args)}
