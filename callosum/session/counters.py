"""What an endpoint counts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping


class Counters(Mapping[str, int]):
    """A read-only mapping: connections, sessions, calls, and refusals by their reason (``refused.unimplemented``)."""

    __slots__ = ("_counts", "calls")

    def __init__(self) -> None:
        self._counts: dict[str, int] = {"connections": 0, "sessions": 0, "resumed": 0, "calls": 0}
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
        self._counts[name] = self._counts.get(name, 0) + 1

    def refuse(self, reason: str) -> None:
        """One more refusal for this reason."""
        self.count(f"refused.{reason}")
