"""The fixture `callosum_peer`, which pytest finds where callosum is installed.

It is loaded in every run of pytest, so it brings no transport and no IDL with it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from callosum.peer import Peer
    from callosum.session.registry import Services

_LOGGER = "callosum"


class PeerFactory:
    """What the fixture `callosum_peer` is: each call gives an ``async with`` around a server and its client.

    Attributes:
        failures: What callosum has logged as an error meanwhile: exceptions of handlers that no interface declares.
            The test fails at its end if there is any; one that means to provoke them takes them out.
        open: How many are entered and not left.
    """

    def __init__(self) -> None:
        self.failures: list[str] = []
        self.open = 0

    def __call__(
        self,
        services: Services,
        *,
        client_services: Services | None = None,
        **options: Any,  # whatever listen() takes
    ) -> AbstractAsyncContextManager[Peer]:
        """Serve in memory, and give the peer of a client; see `callosum.testing.serve_in_memory`.

        Entering raises:
            ConfigurationError: A handler does not fit its service.
        """
        from callosum.testing.memory import serve_in_memory  # noqa: PLC0415 - whoever does not use it does not load it

        return _Serving(self, serve_in_memory(services, client_services=client_services, **options))


class _Serving(AbstractAsyncContextManager["Peer"]):
    """Counts who enters and leaves. A generator would also be left where it is only thrown away."""

    def __init__(self, factory: PeerFactory, serving: AbstractAsyncContextManager[Peer]) -> None:
        self._factory = factory
        self._serving = serving

    async def __aenter__(self) -> Peer:
        peer = await self._serving.__aenter__()
        self._factory.open += 1
        return peer

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        self._factory.open -= 1
        return await self._serving.__aexit__(kind, error, trace)


class _Notes(logging.Handler):
    """Writes errors down."""

    def __init__(self, notes: list[str]) -> None:
        super().__init__(logging.ERROR)
        self.setFormatter(logging.Formatter())
        self._notes = notes

    def emit(self, record: logging.LogRecord) -> None:
        self._notes.append(self.format(record))


@pytest.fixture
def callosum_peer() -> Iterator[PeerFactory]:
    """A server and its client in memory, in one line.

    ::

        async with callosum_peer({echo.Echo: EchoHandler()}) as peer:
            assert await peer.stub(echo.Echo).say("hello") == "hello"

    At its end the test fails where that ``async with`` was not left, or a handler has raised what its interface does
    not declare. It is for tests that run a coroutine themselves, and for those of pytest-asyncio or anyio.
    """
    factory = PeerFactory()
    notes = _Notes(factory.failures)
    logger = logging.getLogger(_LOGGER)
    logger.addHandler(notes)
    try:
        yield factory
    finally:
        logger.removeHandler(notes)
    if factory.open:
        pytest.fail(
            f"callosum_peer() was entered and not left ({factory.open}): use it in an async with", pytrace=False
        )
    if factory.failures:
        failures = "\n".join(factory.failures)
        pytest.fail(f"a handler failed in a way that its interface does not declare:\n{failures}", pytrace=False)
