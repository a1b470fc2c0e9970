"""The messages: a closed union that shows no secret."""

from __future__ import annotations

import dataclasses
import typing

import pytest

from callosum.protocol import messages
from callosum.protocol.messages import (
    EXTENSIONS_FROM,
    SESSION_ENDING,
    UNNUMBERED,
    CancelReason,
    Hello,
    Message,
    Offered,
    Request,
    ResetCode,
    Resumption,
    Type,
    Void,
    Welcome,
)

TOKEN = b"secret-of-16-byt"
PARTS = {Offered, Resumption}
"""Classes that are a part of a message, not a message."""


def test_the_union_has_every_message_of_the_module():
    own = {v for v in vars(messages).values() if dataclasses.is_dataclass(v)}
    assert set(typing.get_args(Message)) == own - PARTS


def test_each_type_number_is_published():
    assert {kind.name: kind.value for kind in Type} == {
        "HELLO": 1,
        "WELCOME": 2,
        "OFFER": 3,
        "RESET": 4,
        "REQUEST": 5,
        "ITEM": 6,
        "END": 7,
        "REPLY": 8,
        "ERROR": 9,
        "CANCEL": 10,
        "CREDIT": 11,
        "VOID": 12,
        "PING": 13,
        "PONG": 14,
        "GOAWAY": 15,
    }
    assert max(Type) < EXTENSIONS_FROM


def test_each_type_has_its_class():
    names = {kind.__name__.upper() for kind in typing.get_args(Message)}
    assert names - {"FRAGMENT", "EXTENSION", "STREAMCREDIT"} == {kind.name for kind in Type}


@pytest.mark.parametrize("received", [None, 3])
def test_no_token_is_ever_in_a_repr(received):
    resumption = Resumption(7, TOKEN, received)
    hello = Hello((1,), 1, 1, (), (), 1, 1, 1, resumption=resumption)
    welcome = Welcome(1, 7, TOKEN, True, 3, 1, 1, 1, 1, 1)
    for message in (resumption, hello, welcome):
        for text in (repr(message), str(message), f"{message}", f"{[message]}"):
            assert "secret" not in text
            assert "session=7" in text


def test_what_has_no_position():
    assert {kind.__name__ for kind in UNNUMBERED} == {"Hello", "Welcome", "Reset", "Ping", "Pong"}
    assert set(typing.get_args(Message)) >= UNNUMBERED


def test_which_resets_leave_sessions_alone():
    assert set(ResetCode) - SESSION_ENDING == {ResetCode.STALE, ResetCode.DRAINING, ResetCode.NO_SESSION}
    assert [reason.value for reason in CancelReason] == ["cancelled", "deadline"]


def test_messages_do_not_change_but_for_those_of_the_hot_path():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Resumption(1, TOKEN).session = 2  # type: ignore[misc]
    request = Request(0, "S/m", None, 0, b"")
    request.id = 3
    assert request != dataclasses.replace(request)  # each is one call, whatever it holds
    assert Void() == Void()
