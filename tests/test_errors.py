from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest

from callosum import errors
from callosum.errors import (
    AuthenticationError,
    CallosumError,
    Code,
    CodecError,
    ConfigurationError,
    ConnectError,
    ConnectionLost,
    DeadlineExceeded,
    DecodeError,
    EncodeError,
    Internal,
    Outcome,
    PermissionDenied,
    ProtocolError,
    ResourceExhausted,
    RpcError,
    TransportError,
    rpc_error,
)


@pytest.mark.parametrize(
    ("error", "bases"),
    [
        (ConfigurationError, [CallosumError]),
        (TransportError, [CallosumError, ConnectionError, OSError]),
        (ConnectError, [TransportError]),
        (AuthenticationError, [ConnectError]),
        (ConnectionLost, [TransportError]),
        (ProtocolError, [CallosumError]),
        (EncodeError, [CodecError, CallosumError]),
        (DecodeError, [CodecError, CallosumError]),
        (DeadlineExceeded, [RpcError, TimeoutError]),
    ],
)
def test_the_tree_is_as_it_is_drawn(error: type[Exception], bases: list[type[Exception]]) -> None:
    for base in bases:
        assert issubclass(error, base)


@pytest.mark.parametrize("code", Code)
def test_each_code_has_its_class(code: Code) -> None:
    error = rpc_error(code, "because", {"n": 1}, Outcome.REJECTED, "e1", 0.5)
    assert error.code is code
    assert type(error) is getattr(errors, "".join(word.capitalize() for word in code.name.split("_")))
    assert (error.message, error.details, error.outcome) == ("because", {"n": 1}, Outcome.REJECTED)
    assert (error.error_id, error.retry_after) == ("e1", 0.5)


def test_what_a_handler_constructs_was_executed() -> None:
    error = PermissionDenied("not you", {"who": "eve"})
    assert error.outcome is Outcome.EXECUTED
    assert error.code is Code.PERMISSION_DENIED
    assert error.error_id == ""
    assert error.retry_after is None


def test_the_text_says_message_code_outcome_and_id() -> None:
    assert str(Internal("boom", error_id="a1")) == "boom (INTERNAL, EXECUTED) [error a1]"
    assert str(ResourceExhausted(outcome=Outcome.REJECTED)) == "RESOURCE_EXHAUSTED, REJECTED"


def test_details_are_a_copy() -> None:
    details: dict[str, Any] = {"n": 1}
    error = Internal("boom", details)
    details["n"] = 2
    assert error.details == {"n": 1}


@pytest.mark.parametrize("code", Code)
@pytest.mark.parametrize("copied", [copy.copy, lambda error: pickle.loads(pickle.dumps(error))])
def test_an_rpc_error_survives_a_copy(code: Code, copied: Any) -> None:
    error = rpc_error(code, "because", {"n": 1}, Outcome.UNKNOWN, "e1", 0.5)
    twin = copied(error)
    assert type(twin) is type(error)
    assert str(twin) == str(error)
    assert (twin.details, twin.outcome, twin.error_id, twin.retry_after) == ({"n": 1}, Outcome.UNKNOWN, "e1", 0.5)


def test_outcomes_of_what_is_no_answer() -> None:
    assert ConfigurationError("x").outcome is Outcome.NOT_SENT
    assert ConnectError("x").outcome is Outcome.NOT_SENT
    assert ConnectionLost("x", outcome=Outcome.UNKNOWN).outcome is Outcome.UNKNOWN
    assert DecodeError("x", outcome=Outcome.EXECUTED).outcome is Outcome.EXECUTED


def test_a_codec_error_begins_with_the_path() -> None:
    error = EncodeError("a float is not an i32", path="Echo.say.args.message")
    assert str(error) == "Echo.say.args.message: a float is not an i32"
    assert error.path == "Echo.say.args.message"
    assert str(DecodeError("17 bytes are left")) == "17 bytes are left"
