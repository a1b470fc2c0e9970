"""What HELLO and WELCOME agree on."""

from __future__ import annotations

import dataclasses

import pytest

from callosum.errors import ProtocolError
from callosum.protocol.handshake import (
    HEARTBEAT_CEILING,
    HEARTBEAT_FLOOR,
    Agreement,
    Terms,
    agree,
    make_hello,
    make_welcome,
    names_session,
)
from callosum.protocol.limits import Limits
from callosum.protocol.messages import Hello, Offered, Resumption, Welcome

TOKEN = bytes(range(16))
SERVICES = (Offered("S", "f", ("c",)),)


def hello(**fields) -> Hello:
    return dataclasses.replace(Hello((1,), 1, 100, (), (), 2000, 5, 50), **fields)


def test_a_hello_says_what_this_side_brings():
    terms = Terms(Limits(body_bytes=9, window_calls=8, window_bytes=7), heartbeat=1.2346, info={"v": "1"})
    resumption = Resumption(1, TOKEN, 2)
    assert make_hello(terms, 6, resumption) == Hello(
        versions=(1,),
        attempt=6,
        body_bytes=9,
        codecs=(),
        compressions=(),
        heartbeat_ms=1235,
        window_calls=8,
        window_bytes=7,
        info={"v": "1"},
        resumption=resumption,
    )


def test_a_welcome_takes_the_smaller_body_the_larger_heartbeat_and_the_own_grace_and_window():
    terms = Terms(Limits(body_bytes=70, window_calls=8, window_bytes=7), heartbeat=3.0, grace=4.5, services=SERVICES)
    assert make_welcome(terms, hello(), 11, TOKEN, None) == Welcome(
        version=1,
        session=11,
        token=TOKEN,
        resumed=False,
        received=0,
        body_bytes=70,
        window_calls=8,
        window_bytes=7,
        heartbeat_ms=3000,
        grace_ms=4500,
        services=SERVICES,
    )
    assert make_welcome(terms, hello(body_bytes=60), 11, TOKEN, None).body_bytes == 60
    assert make_welcome(terms, hello(heartbeat_ms=9000), 11, TOKEN, None).heartbeat_ms == 9000


def test_a_welcome_that_resumes_says_what_it_has():
    welcome = make_welcome(Terms(), hello(), 1, TOKEN, 42)
    assert (welcome.resumed, welcome.received) == (True, 42)


@pytest.mark.parametrize(
    ("own", "asked_ms", "agreed"),
    [(2.0, 2**62, HEARTBEAT_CEILING), (0.001, 0, HEARTBEAT_FLOOR), (0.1, 100, HEARTBEAT_FLOOR), (1.0, 1500, 1.5)],
)
def test_a_heartbeat_stays_between_its_bounds(own, asked_ms, agreed):
    welcome = make_welcome(Terms(heartbeat=own), hello(heartbeat_ms=asked_ms), 1, TOKEN, None)
    assert welcome.heartbeat_ms == agreed * 1000
    assert agree(welcome, 1, 1).heartbeat == agreed


@pytest.mark.parametrize("versions", [(2,), (0,), (2, 3)])
def test_without_a_common_version_there_is_no_welcome(versions):
    with pytest.raises(ProtocolError, match="versions"):
        make_welcome(Terms(), hello(versions=versions), 1, TOKEN, None)


def test_one_common_version_is_enough():
    assert make_welcome(Terms(), hello(versions=(3, 1, 2)), 1, TOKEN, None).version == 1


def test_both_sides_agree():
    terms = Terms(Limits(body_bytes=70), heartbeat=3.0, grace=4.5)
    welcome = make_welcome(terms, hello(), 1, TOKEN, None)
    assert agree(welcome, 5, 50) == Agreement(70, 3.0, 4.5, 5, 50)


@pytest.mark.parametrize("heartbeat_ms", [0, 2**63 - 1])
def test_a_heartbeat_that_a_welcome_commands_stays_between_the_bounds_too(heartbeat_ms):
    welcome = Welcome(1, 1, TOKEN, False, 0, 1, 1, 1, heartbeat_ms, 1)
    assert HEARTBEAT_FLOOR <= agree(welcome, 1, 1).heartbeat <= HEARTBEAT_CEILING


def test_a_session_is_named_by_its_number_and_its_token():
    assert names_session(Resumption(1, TOKEN, 0), 1, TOKEN)
    assert not names_session(Resumption(2, TOKEN, 0), 1, TOKEN)
    assert not names_session(Resumption(1, TOKEN[::-1], 0), 1, TOKEN)
    assert not names_session(Resumption(1, b"", None), 1, TOKEN)


def test_both_say_what_they_decompress():
    terms = Terms(compressions=("snappy", "zstd"))
    assert make_hello(terms, 1, None).compressions == ("snappy", "zstd")
    assert make_welcome(terms, hello(compressions=("lz4",)), 1, TOKEN, None).compressions == ("snappy", "zstd")
    assert make_welcome(Terms(), hello(compressions=("snappy",)), 1, TOKEN, None).compressions == ()
