from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from callosum import blocking
from callosum.blocking import background
from callosum.errors import ConfigurationError
from tests.blocking.processes import output, program
from tests.services import Echo, Handler, new_address


def names() -> list[str]:
    return [thread.name for thread in threading.enumerate()]


@pytest.fixture
def address() -> Iterator[str]:
    with blocking.listen(new_address(), {Echo: Handler()}) as server:
        yield server.addresses[0]


def test_one_loop_for_all_from_the_first_to_the_last(address: str) -> None:
    assert names().count("callosum-blocking") == 1
    loop = background._process.background
    with blocking.connect(address) as one, blocking.connect(address) as other:
        assert background._process.background is loop
        assert one.stub(Echo).say("x") == other.stub(Echo).say("x") == "x"
        assert names().count("callosum-blocking") == 1


def test_it_ends_with_the_last_one_and_begins_again() -> None:
    for _ in range(3):
        with blocking.listen(new_address(), {Echo: Handler()}):
            assert "callosum-blocking" in names()
        assert "callosum-blocking" not in names()
        assert background._process.background is None


def test_endpoints_of_many_threads() -> None:
    def session(number: int) -> str:
        with blocking.listen(new_address(), {Echo: Handler()}) as server, blocking.connect(server.addresses[0]) as peer:
            answer: str = peer.stub(Echo).say(str(number))
            return answer

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(session, range(40))) == [str(number) for number in range(40)]


def test_no_loop_can_be_had(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> Any:
        raise OSError("too many open files")

    monkeypatch.setattr(asyncio.events, "new_event_loop", fail)
    with pytest.raises(ConfigurationError, match="too many open files"):
        blocking.listen(new_address(), {Echo: Handler()}).open()
    monkeypatch.undo()
    with blocking.listen(new_address(), {Echo: Handler()}):
        pass


def test_what_waits_when_the_last_endpoint_is_closed_ends() -> None:
    server = blocking.listen(new_address(), {Echo: Handler()})
    with ThreadPoolExecutor(2) as pool, server:
        with blocking.connect(server.addresses[0]) as peer:
            closed = pool.submit(peer.wait_closed)
        closed.result(10)
        serving = pool.submit(server.serve_forever)
        while not server._handover.read(lambda: [one for one in asyncio.all_tasks() if "serve_forever" in repr(one)]):
            assert not serving.done()
        server.close()
        serving.result(10)


# --- processes --------------------------------------------------------------------------------------------------------


def test_an_endpoint_that_is_left_open_does_not_keep_the_interpreter() -> None:
    """Nor does the other side learn of it only when the grace time is over."""
    printed = output(
        """
        with blocking.listen("tcp://127.0.0.1:0", {Echo: Handler()}) as server:
            address, child = server.addresses[0], os.fork()
            if not child:
                try:
                    os.execv(sys.executable, [sys.executable, "-c", f'''
        from callosum import blocking
        from tests.services import Echo
        peer = blocking.connect("{address}").open()
        print(peer.stub(Echo).say("left open"), flush=True)
        '''])
                finally:
                    os._exit(1)
            peer = next(server.accepted())
            peer.wait_closed()
            assert os.waitpid(child, 0)[1] == 0
            print("closed")
        """
    )
    assert printed == "left open\nclosed\n"


def test_threads_of_the_user_that_outlive_the_main_one_go_on() -> None:
    printed = output(
        """
        def work():
            with blocking.listen("memory://x", {Echo: Handler()}), blocking.connect("memory://x") as peer:
                threading.main_thread().join()
                print(peer.stub(Echo).say("main has ended"))

        threading.Thread(target=work).start()
        """
    )
    assert printed == "main has ended\n"


def test_a_handler_that_ends_the_loop_is_told_to_all() -> None:
    """SystemExit ends a loop with all that is in it; whoever calls then is told, and the next endpoint has another."""
    text = """
        async def leave(message):
            raise SystemExit(3)

        def said(call):
            try:
                return call("x")
            except callosum.CallosumError:
                return "an error"

        with blocking.listen("memory://x", {Echo: Handler(say=leave)}), blocking.connect("memory://x") as peer:
            stub = peer.stub(Echo)
            print(said(stub.say))
            blocking.background._process.background.thread.join(10)
            print(said(stub.call))
            with blocking.listen("memory://y", {Echo: Handler()}), blocking.connect("memory://y") as mine:
                print(said(mine.stub(Echo).say))
    """
    with program(text) as process:
        printed, log = process.communicate(timeout=30)
    assert process.returncode == 0
    assert printed == "an error\nan error\nx\n"
    assert "the event loop of all blocking endpoints has ended" in log


def test_nothing_is_opened_when_the_interpreter_has_ended() -> None:
    printed = output(
        """
        import atexit
        def late():
            try:
                blocking.connect("memory://x").open()
            except callosum.ConfigurationError as error:
                print(error)
        atexit.unregister(blocking.background._end_at_exit)
        atexit.register(late)
        atexit.register(blocking.background._end_at_exit)
        """
    )
    assert printed == "the interpreter is ending: nothing can be opened any more\n"


def test_a_forked_child_is_told_and_may_open_its_own() -> None:
    printed = output(
        """
        def said(use):
            try:
                return use()
            except callosum.ConfigurationError as error:
                return str(error).replace(";", ",").partition(",")[0]

        def in_child(server, peer, stub):
            uses = [lambda: stub.say("x"), lambda: peer.stub(Echo), lambda: peer.state, lambda: peer.drain(),
                    lambda: server.peers, server.drain, server.accepted, server.open]
            print(*{said(use) for use in uses}, sep=chr(10))
            with blocking.listen("memory://x", {Echo: Handler()}), blocking.connect("memory://x") as mine:
                print(mine.stub(Echo).say("mine"), flush=True)

        with blocking.listen("tcp://127.0.0.1:0", {Echo: Handler()}) as server:
            with blocking.connect(server.addresses[0]) as peer:
                stub = peer.stub(Echo)
                lines = iter(server.accepted())
                next(lines)
                child = os.fork()
                if not child:
                    status = 1
                    try:
                        with server:
                            pass
                    except callosum.ConfigurationError:
                        in_child(server, peer, stub)
                        server.close()
                        del lines
                        status = 0
                    finally:
                        sys.stdout.flush()
                        os._exit(status)
                assert os.waitpid(child, 0)[1] == 0
                print(stub.say("and the parent goes on"))
        """
    )
    refusals, _, rest = printed.partition("mine\n")
    assert set(refusals.splitlines()) == {"this was opened before a fork", "this endpoint was opened before a fork"}
    assert rest == "and the parent goes on\n"
