from __future__ import annotations

import itertools
import os
import subprocess
import sys

import pytest
import zmq

from callosum.errors import ConnectError
from callosum.lower.base import ConnectionLimits
from callosum.lower.zeromq import context
from callosum.lower.zeromq.context import HIGH_WATER_MARK, bind_name, is_bound, new_socket, shared_context, unbind_name

FIRST_IDS = """
import asyncio, zmq
from callosum.lower.zeromq import ZeroMQ
from callosum.lower.zeromq.context import plain_socket

async def main():
    for n in range(2):
        accepted = []
        listener = ZeroMQ().listener(f"inproc://ids-{n}", None)
        await listener.open(accepted.append)
        connection = await ZeroMQ().connector(listener.address, None).connect(5)
        connection.send([b"x"])
        while not accepted:
            await asyncio.sleep(0.001)
        print(accepted[0].routing_id.hex())
        connection.close()
        await listener.close()

asyncio.run(main())
"""
LAST_WORDS = """
import asyncio
from callosum.lower.zeromq import ZeroMQ

async def main(address):
    connection = await ZeroMQ().connector(address, None).connect(5)
    for n in range(500):
        while not connection.send([b"%d" % n]):
            await asyncio.sleep(0.001)
    connection.close(linger=5.0)

import sys
asyncio.run(main(sys.argv[1]))
"""
LEFT_OPEN = """
import zmq
from callosum.lower.zeromq.context import plain_socket
left = plain_socket(zmq.DEALER)
print("done")
"""


def python(code, *arguments):
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)


def test_one_context_and_every_guard():
    assert shared_context() is shared_context()
    assert shared_context().get(zmq.MAX_SOCKETS) == context.MAX_SOCKETS
    socket = new_socket(zmq.ROUTER, ConnectionLimits(message_bytes=1000), ipv6=True)
    got = {name: socket.getsockopt(getattr(zmq, name)) for name in ("LINGER", "SNDHWM", "RCVHWM", "MAXMSGSIZE", "IPV6")}
    assert got == {"LINGER": 0, "SNDHWM": HIGH_WATER_MARK, "RCVHWM": HIGH_WATER_MARK, "MAXMSGSIZE": 1000, "IPV6": 1}
    assert socket.getsockopt(zmq.HANDSHAKE_IVL) == 3000
    assert socket.getsockopt(zmq.HEARTBEAT_IVL) == 5000
    assert socket.getsockopt(zmq.HEARTBEAT_TIMEOUT) == 15000
    socket.close()


def test_no_two_processes_and_no_two_sockets_have_the_same_ids():
    ids = [line for _ in range(2) for line in python(FIRST_IDS).stdout.split()]
    assert len(ids) == 4
    assert all(len(one) == 10 and one.startswith("00") for one in ids)
    numbers = sorted(int(one, 16) for one in ids)
    assert all(later - earlier > 1000 for earlier, later in itertools.pairwise(numbers)), ids


def test_what_lingers_leaves_before_the_process_ends():
    server = context.plain_socket(zmq.ROUTER)
    port = server.bind_to_random_port("tcp://127.0.0.1")
    process = subprocess.Popen([sys.executable, "-c", LAST_WORDS, f"tcp://127.0.0.1:{port}"])
    got: list[bytes] = []
    while server.poll(5000 if len(got) < 500 else 0):
        got.append(server.recv_multipart()[1])
    assert process.wait(10) == 0
    assert got == [b"%d" % n for n in range(500)]
    server.close()


def test_a_socket_that_was_left_open_does_not_hang_the_end_of_the_process():
    assert python(LEFT_OPEN).stdout == "done\n"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_has_a_context_of_its_own():
    parents = shared_context()
    bind_name("forked")
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        try:
            context._end(os.getppid())  # what atexit would call
            answer = b"own" if shared_context() is not parents and not is_bound("forked") else b"shared"
            shared_context().term()
        except BaseException as error:
            answer = repr(error).encode()
        os.write(writing, answer)
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(reading, 1000) == b"own"
    os.close(reading)
    os.close(writing)
    assert is_bound("forked")
    assert shared_context() is parents
    unbind_name("forked")
    unbind_name("forked")
    assert not is_bound("forked")


def test_no_descriptors_are_left(monkeypatch):
    def fail(_):
        raise zmq.ZMQError(24)

    monkeypatch.setattr(context, "plain_socket", fail)
    with pytest.raises(ConnectError, match="no file descriptors left"):
        new_socket(zmq.ROUTER, ConnectionLimits(), ipv6=False)
