from __future__ import annotations

import asyncio
import inspect
import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import callosum
from callosum import blocking
from callosum.errors import ConfigurationError, ConnectError, DeadlineExceeded
from tests.blocking.processes import output, program
from tests.looping import PATIENCE, interrupt_main, until
from tests.services import Agent, Echo, Handler, new_address


def test_a_server_and_a_client_in_one_screen() -> None:
    with blocking.listen(new_address(), {Echo: Handler()}) as server:
        with blocking.connect(server.addresses[0]) as peer:
            assert peer.stub(Echo).say("hello") == "hello"
            assert server.counters["sessions"] == 1
        with pytest.raises(callosum.TransportError):
            peer.stub(Echo).say("hello")


def test_it_can_be_opened_and_closed_without_a_block() -> None:
    server = blocking.listen(new_address(), {Echo: Handler()})
    assert server.open() is server
    client = blocking.connect(server.addresses[0])
    assert client.open().stub(Echo).say("hello") == "hello"
    for endpoint in (client, client, server, server):
        endpoint.close()


def test_the_options_are_those_of_the_async_side() -> None:
    for blocks, awaits in ((blocking.connect, callosum.connect), (blocking.listen, callosum.listen)):
        assert inspect.signature(blocks).parameters == inspect.signature(awaits).parameters
        assert "without async" in (blocks.__doc__ or "")
    with pytest.raises(TypeError):
        blocking.connect("memory://x", patience=1)  # type: ignore[call-arg]
    with pytest.raises(ConfigurationError, match="object does not fit Echo"):
        blocking.listen("memory://x", {Echo: object()})


def test_no_session_is_opened() -> None:
    with pytest.raises(ConnectError), blocking.connect("memory://nobody", connect_timeout=0.05):
        pass
    assert "callosum-blocking" not in [thread.name for thread in threading.enumerate()]


def test_what_is_used_wrongly_says_so() -> None:
    server = blocking.listen(new_address(), {Echo: Handler()})
    for use in (server.drain, server.abort, server.serve_forever, server.accepted, lambda: server.peers):
        with pytest.raises(ConfigurationError, match="not open"):
            use()
    server.close()
    with server, pytest.raises(ConfigurationError, match="open already"):
        server.open()
    with pytest.raises(ConfigurationError, match="entered before"):
        server.open()


def test_a_thread_that_runs_a_loop_is_told_to_await() -> None:
    server = blocking.listen(new_address(), {Echo: Handler()})

    async def main() -> None:
        for use in (server.close, server.drain, server.serve_forever, server.accepted):
            with pytest.raises(ConfigurationError, match="await"):
                use()
        with pytest.raises(ConfigurationError, match="await"):
            blocking.listen(new_address(), {Echo: Handler()}).open()

    with server:
        asyncio.run(main())


def test_a_blocking_call_in_an_async_handler_is_refused_and_not_locked_up() -> None:
    class Calling:
        async def say(self, message: str) -> str:
            with pytest.raises(ConfigurationError, match="in_thread"):
                peer.stub(Echo).say("again")
            assert peer.state is callosum.PeerState.CONNECTED
            return message

        call = poke = say

    with blocking.listen(new_address(), {Echo: Calling()}) as server, blocking.connect(server.addresses[0]) as peer:
        assert peer.stub(Echo).say("x") == "x"


def test_a_plain_handler_may_use_any_blocking_stub() -> None:
    class Forwarding:
        @callosum.in_thread
        def say(self, message: str) -> Any:
            back = blocking.current_peer().stub(Agent).say(message)
            return back + onward.stub(Echo).say(" and on")

        async def call(self, message: str) -> None: ...

        async def poke(self, message: str) -> None: ...

    with (
        blocking.listen(new_address(), {Echo: Handler()}) as last,
        blocking.connect(last.addresses[0]) as onward,
        blocking.listen(new_address(), {Echo: Forwarding()}) as server,
        blocking.connect(server.addresses[0], {Agent: Handler()}) as peer,
        ThreadPoolExecutor(8) as pool,
    ):
        assert list(pool.map(peer.stub(Echo).say, "abcdefgh" * 10)) == [f"{one} and on" for one in "abcdefgh" * 10]


def test_an_ambient_deadline_caps_calls() -> None:
    async def slow(message: str) -> None:
        await asyncio.Event().wait()

    server = blocking.listen(new_address(), {Echo: Handler(say=slow)})
    with server, blocking.connect(server.addresses[0]) as peer:
        with pytest.raises(DeadlineExceeded), blocking.deadline(0.05):
            peer.stub(Echo).say("x")
        assert peer.stub(Echo).call("no deadline any more") == "no deadline any more"
        with pytest.raises(ConfigurationError), blocking.deadline(-1):
            pass


def test_a_keyboard_interrupt_cancels_the_handler() -> None:
    cancelled = threading.Event()

    async def slow(message: str) -> None:
        interrupt_main()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    server = blocking.listen(new_address(), {Echo: Handler(say=slow)})
    with server, blocking.connect(server.addresses[0]) as peer:
        with pytest.raises(KeyboardInterrupt):
            peer.stub(Echo).say("x")
        until(cancelled)
        assert peer.stub(Echo).call("goes on") == "goes on"


def test_a_keyboard_interrupt_while_it_connects_leaves_nothing() -> None:
    class Dialling:
        async def __call__(self, peer: callosum.Peer) -> None:
            interrupt_main()
            await asyncio.Event().wait()

    with blocking.listen(new_address(), {Echo: Handler()}) as server:
        with pytest.raises(KeyboardInterrupt):
            blocking.connect(server.addresses[0], on_connect=Dialling()).open()
        assert server.counters["sessions"] == 1


def test_the_peers_of_a_server() -> None:
    with blocking.listen(new_address(), {Echo: Handler()}) as server:
        accepted = server.accepted()
        with blocking.connect(server.addresses[0], {Agent: Handler()}, info={"name": "a"}):
            peer = next(accepted)
            assert peer.info == {"name": "a"}
            assert peer.stub(Agent).say("back") == "back"
            assert list(server.peers) == [peer]
            assert len(server.peers) == 1
            assert peer in server.peers
        peer.wait_closed()
        assert peer not in server.peers
        server.close()
        assert list(accepted) == []


def test_draining_and_aborting() -> None:
    server = blocking.listen(new_address(), {Echo: Handler()})
    with server, blocking.connect(server.addresses[0], connect_timeout=0.2) as peer:
        peer.drain()
        server.drain()
        assert peer.state is not callosum.PeerState.CONNECTED
        server.abort()
        server.abort()


# --- signals ----------------------------------------------------------------------------------------------------------

SERVER = """
class Slow(Handler):
    @callosum.in_thread
    def say(self, message):
        print("begun", flush=True)
        time.sleep({seconds})
        return message

with blocking.listen("tcp://127.0.0.1:0", {{Echo: Slow()}}) as server:
    print(server.addresses[0], flush=True)
    server.serve_forever()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
print("drained", flush=True)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_drains(number: signal.Signals) -> None:
    with program(SERVER.format(seconds=0.2)) as server, ThreadPoolExecutor(1) as pool:
        assert server.stdout is not None
        with blocking.connect(server.stdout.readline().strip()) as peer:
            answer = pool.submit(peer.stub(Echo).say, "finished")
            assert server.stdout.readline() == "begun\n"
            server.send_signal(number)
            assert answer.result(PATIENCE) == "finished"
        assert server.stdout.readline() == "drained\n"
        assert server.wait(PATIENCE) == 0


def test_a_second_signal_aborts() -> None:
    with program(SERVER.format(seconds=1.0)) as server, ThreadPoolExecutor(1) as pool:
        assert server.stdout is not None
        with blocking.connect(server.stdout.readline().strip()) as peer:
            answer = pool.submit(peer.stub(Echo).say, "finished")
            assert server.stdout.readline() == "begun\n"
            server.send_signal(signal.SIGINT)
            while peer.stub(Echo, timeout=5.0) and peer.state is callosum.PeerState.CONNECTED:
                pass
            server.send_signal(signal.SIGINT)
            assert isinstance(answer.exception(PATIENCE), callosum.CallosumError)
        assert server.stdout.readline() == "drained\n"
        assert server.wait(PATIENCE) == 0


def test_off_the_main_thread_no_signal_is_caught() -> None:
    printed = output(
        """
        server = blocking.listen("memory://x", {Echo: Handler()})
        with server:
            thread = threading.Thread(target=server.serve_forever)
            thread.start()
            try:
                os.kill(os.getpid(), signal.SIGINT)
                time.sleep(10)
            except KeyboardInterrupt:
                print("interrupted")
        thread.join()
        """
    )
    assert printed == "interrupted\n"
    assert os.getpid()
