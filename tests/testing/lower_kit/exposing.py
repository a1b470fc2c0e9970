"""Which broken layer each check of the kit exposes, and by which sentence."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

import pytest

from callosum.lower.base import LowerLayer
from callosum.lower.zeromq import ZeroMQ
from callosum.testing import check_lower, tcp_link
from callosum.testing.lower_kit.laws import Law
from callosum.testing.lower_kit.trial import Check
from tests.testing.lower_kit import bent
from tests.testing.lower_kit.bent import Bent


@dataclass(frozen=True)
class Exposed:
    """A broken layer, and what is said about it."""

    layer: LowerLayer
    law: Law
    seen: str = ""

    @property
    def name(self) -> str:
        if not isinstance(self.layer, Bent):
            return type(self.layer).__name__
        parts = [self.layer.connection, self.layer.listening, self.layer.connecting, type(self.layer)]
        return next(part.__name__ for part in parts if not part.__name__.startswith("Straight"))

    @property
    def address(self) -> str:
        over = isinstance(self.layer, Bent) and isinstance(self.layer.inner, ZeroMQ)
        return "tcp://127.0.0.1:0" if over else "memory://bent-{n}"


def cases(checks: Iterable[Check], exposed: dict[str, list[Exposed]]) -> list[object]:
    """Parameters for a test: every check with each layer that it exposes; one without any is an error."""
    names = {check.__name__ for check in checks}
    assert names == set(exposed), f"a check that no broken layer fails is none: {names ^ set(exposed)}"
    return [pytest.param(name, one, id=f"{name}-{one.name}") for name, found in exposed.items() for one in found]


def expose(check: str, exposed: Exposed) -> None:
    """Run a check on a broken layer: it fails, and quotes the sentence."""
    link = tcp_link if exposed.address.startswith("tcp") else None
    tests = check_lower(exposed.layer, exposed.address, link=link)
    with pytest.raises(AssertionError, match=re.escape(f"says: “{exposed.law}.” Seen: ")) as failure:
        getattr(tests(), f"test_{check}")()
    assert exposed.seen in str(failure.value)


@pytest.fixture
def impatient(monkeypatch):
    """What never comes is waited for more shortly than in earnest."""
    monkeypatch.setattr("callosum.testing.lower_kit.trial.PATIENCE", 0.3)
    monkeypatch.setattr("callosum.testing.lower_kit.pressure.STUCK", 0.05)
    yield
    bent.LeavesADescriptor.tidy_up()
    bent.CallsBackWithinClose.ends.clear()
    bent.MergesMessages.waiting.clear()
