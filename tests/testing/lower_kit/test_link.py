from __future__ import annotations

import pytest

from callosum.errors import ConnectError
from callosum.lower.zeromq import ZeroMQ
from callosum.testing import tcp_link
from tests.lower.recorder import dial, listening, run, until


def test_a_link_passes_freezes_and_breaks():
    async def main():
        async with listening(ZeroMQ(), "tcp://127.0.0.1:0", echo=True) as server, tcp_link(server.address) as link:
            assert link.address != server.address
            client = await dial(ZeroMQ(), link.address)
            client.connection.send([b"passed"])
            await until(lambda: client.messages)
            link.stall()
            with pytest.raises(ConnectError):
                await ZeroMQ().connector(link.address, None).connect(0.05)
            client.connection.send([b"waits"])
            assert len(client.messages) == 1
            link.flow()
            await until(lambda: len(client.messages) == 2)
            link.cut()
            await until(lambda: client.reasons)

    run(main())


def test_its_address_has_the_scheme_of_the_layer():
    async def main():
        async with tcp_link("toy://127.0.0.1:1") as link:
            assert link.address.startswith("toy://127.0.0.1:")

    run(main())
