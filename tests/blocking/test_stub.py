from __future__ import annotations

import inspect
from collections.abc import Iterator

import pytest

from callosum import blocking
from callosum.blocking.stub import blocking_class
from callosum.errors import ConfigurationError, EncodeError, Outcome
from callosum.service import service_of
from callosum.stub import Stub as AsyncStub
from callosum.stub import stub_class
from callosum.upper import thrift
from tests.services import Echo, Handler, Refusal, new_address

words = thrift.load_string(
    """
    service Words {
        /** What it says. */
        string join(1: string first, 2: string second = "b")
        void import()
        void with_options()
    }
    """
)


class WordsHandler:
    async def join(self, first: str, second: str) -> str:
        return first + second

    async def import_(self) -> None: ...

    async def with_options_(self) -> None: ...


@pytest.fixture
def peer() -> Iterator[blocking.Peer]:
    async def refuse(message: str) -> None:
        raise Refusal(message)

    services = {Echo: Handler(call=refuse), words.Words: WordsHandler()}
    with blocking.listen(new_address(), services) as server, blocking.connect(server.addresses[0]) as peer:
        yield peer


def test_methods_are_those_of_the_idl(peer: blocking.Peer) -> None:
    stub = peer.stub(words.Words)
    assert stub.join("a") == "ab"
    assert stub.join(second="c", first="a") == "ac"
    assert stub.import_() is None
    assert stub.with_options_() is None
    with pytest.raises(TypeError):
        stub.join()


def test_a_stub_looks_like_the_async_one() -> None:
    service = service_of(words.Words)
    blocks, awaits = blocking_class(service), stub_class(service)
    assert blocking_class(service) is blocks
    for name in ("join", "import_", "with_options_"):
        mine, other = getattr(blocks, name), getattr(awaits, name)
        assert inspect.signature(mine) == inspect.signature(other)
        assert (mine.__name__, mine.__doc__) == (other.__name__, other.__doc__)
        assert not inspect.iscoroutinefunction(mine)
    assert blocks.__name__ == "WordsBlockingStub"


def test_options(peer: blocking.Peer) -> None:
    stub = peer.stub(Echo)
    assert stub.with_options(timeout=5.0, key="a", metadata={"a": "b"}).say("x") == "x"
    with pytest.raises(ConfigurationError, match="timeout=0"):
        stub.with_options(timeout=0)
    with pytest.raises(TypeError):
        stub.with_options(patience=1)
    assert inspect.signature(type(stub).with_options) == inspect.signature(AsyncStub.with_options)
    assert "blocking <stub of Echo" in repr(stub)


def test_declared_exceptions_arrive_as_themselves(peer: blocking.Peer) -> None:
    with pytest.raises(Refusal) as caught:
        peer.stub(Echo).call("no")
    assert caught.value.outcome is Outcome.EXECUTED  # type: ignore[attr-defined]
    assert caught.traceback[0].frame.code.name == "test_declared_exceptions_arrive_as_themselves"


def test_faults_of_a_caller_are_told(peer: blocking.Peer) -> None:
    with pytest.raises(EncodeError, match="3 is no text"):
        peer.stub(Echo).say(3)
