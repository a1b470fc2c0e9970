from __future__ import annotations

import pytest

from callosum.errors import ConfigurationError, ConnectError
from callosum.lower.zeromq.address import Address, parse, resolve
from tests.lower.recorder import run


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("tcp://127.0.0.1:5030", Address("tcp", "127.0.0.1", 5030)),
        ("tcp://manager:1", Address("tcp", "manager", 1)),
        ("tcp://*:0", Address("tcp", "*", 0)),
        ("tcp://[::1]:65535", Address("tcp", "::1", 65535)),
        ("tcp://[fe80::1%eth0]:7", Address("tcp", "fe80::1%eth0", 7)),
        ("ipc:///tmp/a", Address("ipc", "/tmp/a")),
        ("ipc://@abstract", Address("ipc", "@abstract")),
        ("inproc://a", Address("inproc", "a")),
    ],
)
def test_parsed_and_written_again(text, address):
    assert parse(text) == address
    assert str(parse(text)) == text


def test_any_port():
    assert parse("tcp://127.0.0.1:*").port == 0


@pytest.mark.parametrize(
    "text",
    [
        "",
        "127.0.0.1:5030",
        "udp://127.0.0.1:1",
        "tcp://",
        "tcp://host",
        "tcp://host:",
        "tcp://host:x",
        "tcp://host:65536",
        "tcp://host:5030/path",
        "tcp://bad host:1",
        "tcp://a;b:1",
        "tcp://::1:5",
        "tcp://[127.0.0.1:1]:5",
        "tcp://[:::1]:5",
        "tcp://-1",
        "ipc://",
        "ipc://a\0b",
        "inproc://",
    ],
)
def test_malformed(text):
    with pytest.raises(ConfigurationError, match=r"give |port is at most"):
        parse(text)


@pytest.mark.parametrize(
    ("text", "local"),
    [
        ("tcp://127.0.0.1:1", True),
        ("tcp://127.9.9.9:1", True),
        ("tcp://localhost:1", True),
        ("tcp://[::1]:1", True),
        ("ipc:///tmp/a", True),
        ("inproc://a", True),
        ("tcp://*:1", False),
        ("tcp://0.0.0.0:1", False),
        ("tcp://[::]:1", False),
        ("tcp://10.0.0.1:1", False),
        ("tcp://eth0:1", False),
        ("tcp://lo:1", False),
        ("tcp://localhost.evil.example:1", False),
        ("tcp://[::ffff:10.0.0.1]:1", False),
    ],
)
def test_who_reaches_it(text, local):
    assert parse(text).is_local is local


def test_names_are_resolved_here_and_ipv4_comes_first():
    found = run(resolve(parse("tcp://localhost:7")))
    assert found[0] == Address("tcp", "127.0.0.1", 7)
    assert all(address.is_ipv6 for address in found[1:])
    for text in ("tcp://127.0.0.1:7", "tcp://[::1]:7", "ipc:///tmp/a", "inproc://a"):
        assert run(resolve(parse(text))) == [parse(text)]


def test_an_unknown_name():
    with pytest.raises(ConnectError, match=r"host name of tcp://a\.\.b:7 is not known"):
        run(resolve(parse("tcp://a..b:7")))


def test_libzmq_binds_no_name():
    assert parse("tcp://localhost:7").to_bind() == "tcp://127.0.0.1:7"
    assert parse("ipc://localhost").to_bind() == "ipc://localhost"
