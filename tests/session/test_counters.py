from __future__ import annotations

import pytest

from callosum.session.counters import Counters
from tests.services import Handler, paired, run

NOTHING = dict.fromkeys(("connections", "sessions", "resumed", "calls", "compressed.before", "compressed.after"), 0)


def test_it_is_a_read_only_mapping():
    counters = Counters()
    assert dict(counters) == NOTHING
    counters.count("sessions")
    counters.calls += 2
    counters.refuse("unimplemented")
    counters.refuse("unimplemented")
    assert counters["sessions"] == 1
    assert counters["calls"] == 2
    assert counters["refused.unimplemented"] == 2
    assert len(counters) == len(NOTHING) + 1
    assert "refused.protocol" not in counters
    assert repr(counters).startswith("Counters({'connections': 0")
    with pytest.raises(KeyError):
        counters["nothing"]
    with pytest.raises(TypeError):
        counters["sessions"] = 3  # type: ignore[index]


def test_what_endpoints_count():
    async def main():
        async with paired(Handler()) as pair:
            for _ in range(3):
                await pair.echo.say("x")
            await pair.agent.say("x")
            assert dict(pair.server.counters) == NOTHING | {"connections": 1, "sessions": 1, "calls": 3}
            assert dict(pair.client.counters) == NOTHING | {"connections": 1, "sessions": 1, "calls": 1}
            await pair.cut()
            await pair.reconnected()
            assert pair.server.counters["connections"] == pair.client.counters["connections"] == 2
            assert pair.server.counters["resumed"] == pair.client.counters["resumed"] == 1
            assert pair.server.counters["sessions"] == 1

    run(main())
