"""Streams of values, as users have them: what a stub's method returns that streams."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Generic, Self, TypeVar

S = TypeVar("S")
R = TypeVar("R")


class ReceiveStream(AsyncIterator[R]):
    """What a call receives, one after another. Leaving it, or its ``async with``, cancels the handler."""

    @abstractmethod
    async def __anext__(self) -> R:
        """The next value."""

    @abstractmethod
    async def __aenter__(self) -> Self:
        """Itself."""

    @abstractmethod
    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Leave the stream."""

    @abstractmethod
    async def aclose(self) -> None:
        """Leave the stream. What was left already stays so."""


class BidiStream(ReceiveStream[R], Generic[S, R]):
    """The same, and a stream to the handler."""

    @abstractmethod
    async def send(self, value: S) -> None:
        """Send one value, waiting while the window is empty."""

    @abstractmethod
    def end(self) -> None:
        """Say that no more values come. Values still arrive."""
