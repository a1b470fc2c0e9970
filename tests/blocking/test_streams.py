from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

import callosum
from callosum import blocking
from callosum.blocking.streams import BidiStream, ReceiveStream
from callosum.handover import Handover
from tests.blocking.fakes import fake_stub
from tests.looping import interrupt_main, looping, until
from tests.services import Refusal, Streams
from tests.test_streams import StreamHandler


@pytest.fixture
def there() -> Iterator[Handover]:
    with looping() as handover:
        yield handover


# --- what arrives -----------------------------------------------------------------------------------------------------


def test_what_arrives_is_an_ordinary_iterator(there: Handover) -> None:
    stub, fake = fake_stub(there)
    stream = stub.tail("job", count=2)
    assert isinstance(stream, ReceiveStream)
    assert list(stream) == ["job 0", "job 1"]
    assert fake.deadlines == [None]


def test_the_call_is_made_in_the_context_of_the_thread(there: Handover) -> None:
    stub, fake = fake_stub(there)
    with blocking.deadline(5.0):
        assert len(list(stub.tail("job"))) == 3
    assert fake.deadlines[0] is not None


def test_leaving_early_closes_the_stream(there: Handover) -> None:
    stub, fake = fake_stub(there)
    for line in stub.tail("job"):
        assert line == "job 0"
        break
    until(fake.streams[0].closed)
    with stub.tail("job") as lines:
        assert next(lines) == "job 0"
    assert fake.streams[1].closed.is_set()


def test_an_exception_comes_behind_the_values(there: Handover) -> None:
    stub, _ = fake_stub(there)
    lines = stub.tail("failing", count=1)
    assert next(lines) == "failing 0"
    with pytest.raises(KeyError):
        next(lines)


# --- what is sent -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("values", [["a", "b", "c"], ("a", "b", "c"), iter("abc"), (one for one in "abc")])
def test_any_iterable_can_be_sent(there: Handover, values: Any) -> None:
    assert fake_stub(there)[0].upload("x", values) == "x: a b c"


def test_it_may_be_given_by_name(there: Handover) -> None:
    assert fake_stub(there)[0].upload(chunk="ab", name="x") == "x: a b"


def test_it_is_pulled_in_the_thread_that_calls_and_no_further_than_wanted(there: Handover) -> None:
    seen: list[threading.Thread] = []

    def values() -> Iterator[str]:
        while True:
            seen.append(threading.current_thread())
            yield "a"

    assert fake_stub(there)[0].upload("x", values(), limit=2) == "x: a a"
    assert seen == [threading.current_thread()] * 2


def test_a_generator_may_use_the_blocking_api_itself(there: Handover) -> None:
    stub, _ = fake_stub(there)
    assert stub.upload("x", (line.upper() for line in stub.tail("job"))) == "x: JOB 0 JOB 1 JOB 2"


def test_what_a_generator_raises_ends_the_call(there: Handover) -> None:
    def values() -> Iterator[str]:
        yield "a"
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        fake_stub(there)[0].upload("x", values())


def test_a_keyboard_interrupt_in_a_generator_ends_the_call(there: Handover) -> None:
    def values() -> Iterator[str]:
        yield "a"
        interrupt_main()
        threading.Event().wait(10)

    with pytest.raises(KeyboardInterrupt):
        fake_stub(there)[0].upload("x", values())


@pytest.mark.parametrize("arguments", [{"name": "x"}, {"name": "x", "chunk": None}])
def test_what_is_no_iterable_is_the_async_sides_to_refuse(there: Handover, arguments: dict[str, Any]) -> None:
    with pytest.raises(TypeError):
        fake_stub(there)[0].upload(**arguments)


# --- both -------------------------------------------------------------------------------------------------------------


def test_both_directions(there: Handover) -> None:
    stub, fake = fake_stub(there)
    with stub.talk() as talk:
        assert isinstance(talk, BidiStream)
        talk.send("a")
        assert next(talk) == "a!"
        talk.send("b")
        talk.end()
        assert list(talk) == ["b!"]
    assert len(fake.streams) == 1


def test_what_is_sent_may_be_an_iterable_here_too(there: Handover) -> None:
    """It is pulled while the next value is awaited, in the thread that awaits it."""
    seen: list[threading.Thread] = []

    def words() -> Iterator[str]:
        for word in "abc":
            seen.append(threading.current_thread())
            yield word

    assert list(fake_stub(there)[0].talk(words())) == ["a!", "b!", "c!"]
    assert set(seen) == {threading.current_thread()}


def test_one_thread_sends_while_another_receives(there: Handover) -> None:
    talk = fake_stub(there)[0].talk()

    def send() -> None:
        for word in "abc":
            talk.send(word)
        talk.end()

    thread = threading.Thread(target=send)
    thread.start()
    assert list(talk) == ["a!", "b!", "c!"]
    thread.join()


def test_a_word_that_fails_closes_both(there: Handover) -> None:
    def words() -> Iterator[str]:
        yield "a"
        raise KeyError("mine")

    stub, fake = fake_stub(there)
    talk = stub.talk(words())
    assert next(talk) == "a!"
    with pytest.raises(KeyError, match="mine"):
        next(talk)
    until(fake.streams[0].closed)


# --- over a session --------------------------------------------------------------------------------------------------


@contextmanager
def streaming() -> Iterator[tuple[Any, StreamHandler]]:
    """A stub that blocks, and the handler that it calls."""
    handler = StreamHandler()
    with (
        callosum.blocking.listen("tcp://127.0.0.1:0", {Streams: handler}) as server,
        callosum.blocking.connect(server.addresses[0]) as peer,
    ):
        yield peer.stub(Streams), handler


def test_what_the_handler_sends_is_an_iterator():
    with streaming() as (stub, _):
        assert list(stub.tail("3")) == ["0", "1", "2"]
        items: list[str] = []
        with pytest.raises(Refusal):
            items.extend(stub.tail("2 refuse"))


def test_leaving_the_loop_cancels_the_handler():
    with streaming() as (stub, handler):
        for item in stub.tail("2 wait"):
            if item == "1":
                break
        assert stub.say("x") == "x"  # what left before it has arrived
        assert handler.ended == ["2 wait"]


def test_what_the_caller_sends_is_an_iterable():
    with streaming() as (stub, _):
        assert stub.join("-", (word for word in ("a", "b"))) == "a-b"
        with pytest.raises(LookupError):
            stub.join("-", broken())
        assert list(stub.talk(["a", "b"])) == ["A", "B", "bye"]


def broken() -> Iterator[str]:
    yield "a"
    raise LookupError("no more")


def test_a_stream_each_way():
    with streaming() as (stub, _):
        with stub.talk() as talk:
            talk.send("hello")
            assert next(talk) == "HELLO"
            talk.end()
            assert list(talk) == ["bye"]
        assert stub.say("x") == "x"


def test_a_deadline_and_the_time_of_an_item():
    with streaming() as (stub, _):
        for option in ({"timeout": 0.2}, {"item_timeout": 0.2}):
            items: list[str] = []
            with pytest.raises(callosum.DeadlineExceeded):
                items.extend(stub.with_options(**option).tail("2 wait"))


async def words() -> AsyncIterator[str]:
    yield "a"


def test_an_async_iterable_may_be_sent_too():
    with streaming() as (stub, _):
        assert stub.join("-", words()) == "a"


def test_items_that_are_there_are_taken_together(monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[None] = []
    complete = Handover.complete

    def counted(self: Handover, work: Any) -> Any:
        steps.append(None)
        return complete(self, work)

    monkeypatch.setattr(Handover, "complete", counted)
    with streaming() as (stub, _):
        items = [str(number) for number in range(2000)]
        assert list(stub.tail("2000")) == items
        assert len(steps) < 1000
        steps.clear()
        newest = list(stub.with_options(overflow="latest").tail("2000"))
        assert newest == sorted(newest, key=int)
        assert newest[-1] == "1999"
        assert len(steps) == len(newest) + 1


def test_one_that_does_not_fit_comes_behind_those_before_it() -> None:
    with streaming() as (stub, _):
        items: list[str] = []
        with pytest.raises(callosum.DecodeError):
            items.extend(stub.tail("3 unfit"))
        with stub.tail("3 unfit") as stream:
            assert [next(stream), next(stream), next(stream)] == ["0", "1", "2"]
            with pytest.raises(callosum.DecodeError):
                next(stream)
            with pytest.raises(StopIteration):
                next(stream)
