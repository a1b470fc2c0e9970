# Written by callosum-gen from echo.thrift: change that, and not this.
# ruff: noqa
"""The message was refused."""
from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Protocol

from callosum.upper.thrift.runtime import (
    KW_ONLY,
    DeclaredException,
    Enum,
    Service,
    Struct,
    Stub,
    field,
    function,
    oneway,
    parameter,
    required,
    thrown,
)

__all__ = [
    "EmptyMessage",
    "Tone",
    "Echoed",
    "Echo",
    "EchoLike",
    "EchoStub",
    "EchoBlockingStub",
    "EchoHandler",
    "Listener",
    "ListenerLike",
    "ListenerStub",
    "ListenerBlockingStub",
    "ListenerHandler",
]


class EmptyMessage(DeclaredException):
    """The message was refused."""

    reason: str = required(1, "string")


class Tone(Enum):
    PLAIN = 0
    LOUD = 1


class Echoed(Struct):
    message: str = required(1, "string")
    length: int = required(2, "i64")
    _: KW_ONLY
    tone: Tone = field(3, "Tone", default=Tone.PLAIN)


class EchoLike(Protocol):
    """The methods of Echo, as its stub and its handler have them."""

    @abstractmethod
    async def say(self, message: str, tone: Tone = Tone.PLAIN) -> Echoed:
        """The message and its length.

        Raises:
            EmptyMessage: The message was refused.
        """

    @abstractmethod
    async def poke(self, message: str) -> None:
        """Nobody waits for this one."""

    @abstractmethod
    async def ask_me(self, question: str) -> str:
        """Asks the caller back, and returns its answer."""


class EchoStub(EchoLike, Stub, Protocol):
    """Calls Echo on a peer: what ``peer.stub(Echo)`` returns."""


class EchoBlockingStub(Stub, Protocol):
    """Calls Echo, and waits: what ``stub(Echo)`` of a `callosum.blocking` peer returns."""

    def say(self, message: str, tone: Tone = Tone.PLAIN) -> Echoed: ...

    def poke(self, message: str) -> None: ...

    def ask_me(self, question: str) -> str: ...


class EchoHandler(EchoLike, ABC):
    """Serves Echo: derive from it, and give an instance to ``listen()``."""


class Echo(Service[EchoStub, EchoBlockingStub], handler=EchoHandler):
    """What the server does."""

    thrift_functions = (
        function(
            "say",
            "Echoed",
            parameter(1, "message", "string"),
            parameter(2, "tone", "Tone", default=Tone.PLAIN),
            throws=(thrown(1, "empty", "EmptyMessage"),),
        ),
        oneway("poke", parameter(1, "message", "string")),
        function("ask_me", "string", parameter(1, "question", "string")),
    )


class ListenerLike(Protocol):
    """The methods of Listener, as its stub and its handler have them."""

    @abstractmethod
    async def answer(self, question: str) -> str: ...


class ListenerStub(ListenerLike, Stub, Protocol):
    """Calls Listener on a peer: what ``peer.stub(Listener)`` returns."""


class ListenerBlockingStub(Stub, Protocol):
    """Calls Listener, and waits: what ``stub(Listener)`` of a `callosum.blocking` peer returns."""

    def answer(self, question: str) -> str: ...


class ListenerHandler(ListenerLike, ABC):
    """Serves Listener: derive from it, and give an instance to ``listen()``."""


class Listener(Service[ListenerStub, ListenerBlockingStub], handler=ListenerHandler):
    """What the client does for the server."""

    thrift_functions = (
        function("answer", "string", parameter(1, "question", "string")),
    )


__thrift_file__ = 'echo.thrift'
__thrift_idl__ = """\
namespace py echo

/** The message was refused. */
exception EmptyMessage { 1: required string reason }

enum Tone {
    PLAIN = 0
    LOUD = 1
}

struct Echoed {
    1: required string message
    2: required i64 length
    3: Tone tone = Tone.PLAIN
}

/** What the server does. */
service Echo {
    /** The message and its length. */
    Echoed say(1: string message, 2: Tone tone = Tone.PLAIN) throws (1: EmptyMessage empty)

    /** Nobody waits for this one. */
    oneway void poke(1: string message)

    /** Asks the caller back, and returns its answer. */
    string ask_me(1: string question)
}

/** What the client does for the server. */
service Listener {
    string answer(1: string question)
}
"""
