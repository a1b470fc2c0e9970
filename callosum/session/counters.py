"""What an endpoint counts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping


class Counters(Mapping[str, int]):
    """A read-only mapping: connections, sessions, calls, and refusals by their reason (``refused.unimplemented``).

    ``compressed.before`` and ``compressed.after`` are the bytes of the bodies that were sent compressed: what they
    were, and what was sent.
    """

    __slots__ = ("_counts", "calls")

    def __init__(self) -> None:
        names = ("connections", "sessions", "resumed", "calls", "compressed.before", "compressed.after")
        self._counts: dict[str, int] = dict.fromkeys(names, 0)
        self.calls = 0
        """Calls that arrived; apart from the others because each call counts here."""

    def __getitem__(self, name: str) -> int:
        return self.calls if name == "calls" else self._counts[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._counts)

    def __len__(self) -> int:
        return len(self._counts)

    def __repr__(self) -> str:
        return f"Counters({dict(self)})"

    def count(self, name: str) -> None:
        """One more."""
        self.add(name, 1)

    def add(self, name: str, number: int) -> None:
        """So many more."""
        self._counts[name] = self._counts.get(name, 0) + number

    def refuse(self, reason: str) -> None:
        """One more refusal for this reason."""
        self.count(f"refused.{reason}")
