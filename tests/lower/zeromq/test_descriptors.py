from __future__ import annotations

import os
import socket

import pytest
import zmq

from callosum.errors import ConnectError
from callosum.lower.zeromq.address import parse
from callosum.lower.zeromq.descriptors import descriptor_of, inode_of, is_free, refuse_taken_path, shut_down


def test_only_the_same_socket_is_shut_down():
    one, other = socket.socketpair()
    with one, other:
        shut_down(one.fileno(), inode_of(one.fileno()) + 1)
        one.send(b"x")
        assert other.recv(10) == b"x"
        shut_down(one.fileno(), inode_of(one.fileno()))
        assert other.recv(10) == b""
        one.fileno()


def test_what_is_gone_or_not_connected_is_no_fault():
    reading, writing = os.pipe()
    inode = inode_of(reading)
    shut_down(reading, inode)  # no socket at all
    os.close(reading)
    os.close(writing)
    assert inode_of(reading) == -1
    shut_down(reading, inode)
    with socket.socket() as unconnected:
        shut_down(unconnected.fileno(), inode_of(unconnected.fileno()))


def test_a_message_of_this_process_has_no_descriptor():
    assert descriptor_of(zmq.Frame(b"x")) == -1


@pytest.mark.parametrize("abstract", [False, True])
def test_a_path_is_taken_while_somebody_listens(tmp_path, abstract):
    path = f"@{tmp_path}" if abstract else f"{tmp_path}/socket"
    refuse_taken_path(path)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("\0" + path[1:] if abstract else path)
        refuse_taken_path(path)
        server.listen(0)
        with pytest.raises(ConnectError, match=f"ipc://{path}"):
            refuse_taken_path(path)
        held = []
        for _ in range(3):
            held.append(socket.socket(socket.AF_UNIX))
            held[-1].settimeout(0)
            held[-1].connect_ex("\0" + path[1:] if abstract else path)
        with pytest.raises(ConnectError):
            refuse_taken_path(path)
        for client in held:
            client.close()
    refuse_taken_path(path)


def test_a_path_that_is_too_long_is_libzmqs_to_refuse():
    refuse_taken_path("x" * 1000)


@pytest.mark.parametrize("family", ["127.0.0.1", "[::1]"])
def test_a_port_is_free_when_nobody_listens_there(family):
    with socket.create_server(
        (family.strip("[]"), 0), family=socket.AF_INET6 if ":" in family else socket.AF_INET
    ) as one:
        address = parse(f"tcp://{family}:{one.getsockname()[1]}")
        with socket.create_connection(one.getsockname()[:2]):
            accepted, _ = one.accept()
            assert not is_free(address)
            one.close()
            assert is_free(address), "connections that linger do not count"
            accepted.close()


def test_a_path_is_free_when_nobody_answers_there(tmp_path):
    address = parse(f"ipc://{tmp_path}/socket")
    assert is_free(address)
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(address.host)
        one.listen()
        assert not is_free(address)
    assert is_free(address), "the path is there, and nobody behind it"
    assert is_free(parse("inproc://any"))


def test_an_address_that_cannot_be_bound_is_not_waited_for():
    assert is_free(parse("tcp://192.0.2.1:1"))
