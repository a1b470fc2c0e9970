"""Every exception that callosum raises.

    CallosumError
    ├ ConfigurationError                     wrong use, found before anything ran
    ├ TransportError                         (also a ConnectionError)
    │   ├ ConnectError                       nobody answered
    │   │   └ AuthenticationError            somebody answered, and refused us, or is not whom we expected
    │   └ ConnectionLost                     the session ended while something was in flight
    ├ ProtocolError                          the other side broke the protocol; the session is closed
    ├ CodecError                             a value does not fit the IDL
    │   ├ EncodeError                        on its way out
    │   └ DecodeError                        on its way in
    └ RpcError                               the one outcome of a call that did not succeed
        DeadlineExceeded (also a TimeoutError), Cancelled, Unavailable, Unimplemented, Unauthenticated,
        PermissionDenied, InvalidArgument, ResourceExhausted, Internal

Every exception that a call raises has ``outcome``, and it is true. Exceptions that the IDL declares arrive as
themselves, with ``outcome`` EXECUTED.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import ClassVar

Detail = str | int | float | bool | bytes | None
"""What a value in ``RpcError.details`` may be: it travels as msgpack."""


class Outcome(enum.IntEnum):
    """What surely happened to a call that did not succeed."""

    NOT_SENT = 0
    """It was never handed to a connection."""
    REJECTED = 1
    """The other side answered that it did not run."""
    UNKNOWN = 2
    """It was handed over, and nothing tells whether it ran."""
    EXECUTED = 3
    """The handler was started. It may have been cut short."""


class Code(enum.IntEnum):
    """Why a call failed. The numbers are those of gRPC's status codes, so that gateways need no table."""

    CANCELLED = 1
    INVALID_ARGUMENT = 3
    DEADLINE_EXCEEDED = 4
    PERMISSION_DENIED = 7
    RESOURCE_EXHAUSTED = 8
    UNIMPLEMENTED = 12
    INTERNAL = 13
    UNAVAILABLE = 14
    UNAUTHENTICATED = 16


class CallosumError(Exception):
    """The root of all exceptions of callosum."""

    outcome: Outcome = Outcome.NOT_SENT


class ConfigurationError(CallosumError):
    """Wrong use: a bad address, a missing file, a handler that does not fit its service."""


class TransportError(CallosumError, ConnectionError):
    """The way to the other side failed."""

    def __init__(self, message: str, *, outcome: Outcome = Outcome.NOT_SENT) -> None:
        super().__init__(message)
        self.outcome = outcome


class ConnectError(TransportError):
    """Nobody answered at the address."""


class AuthenticationError(ConnectError):
    """Somebody answered, and refused us, or is not whom we expected."""


class ConnectionLost(TransportError):
    """The session ended while something was in flight; ``outcome`` says whether it may have run."""


class ProtocolError(CallosumError):
    """The other side broke the protocol. Its session is closed."""


class CodecError(CallosumError):
    """A value does not fit the IDL; the message begins with the path of the field.

    Attributes:
        path: Where the value stands, for example ``Echo.say.args.message``.
    """

    def __init__(self, message: str, *, path: str = "", outcome: Outcome = Outcome.NOT_SENT) -> None:
        super().__init__(f"{path}: {message}" if path else message)
        self.path = path
        self.outcome = outcome


class EncodeError(CodecError):
    """A value that the IDL does not allow was to be sent."""


class DecodeError(CodecError):
    """Received bytes are not what the IDL says."""


class RpcError(CallosumError):
    """A call failed; raised by a handler, it arrives at the caller as itself.

    Attributes:
        code: Why.
        message: For people.
        details: For programs; travels as msgpack. What does not fit into a header of 16 KiB is left out, and said.
        outcome: What surely happened.
        error_id: The id under which the other side logged the failure, or "".
        retry_after: Seconds after which a retry may succeed, or None.
        call: The method whose call it came out of; "" where it was constructed here.
    """

    code: Code

    def __init__(
        self,
        code: Code,
        message: str = "",
        details: Mapping[str, Detail] | None = None,
        outcome: Outcome = Outcome.EXECUTED,
        *,
        error_id: str = "",
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.details: Mapping[str, Detail] = dict(details or {})
        self.outcome = outcome
        self.error_id = error_id
        self.retry_after = retry_after
        self.call = ""

    def __str__(self) -> str:
        text = f"{self.code.name}, {self.outcome.name}"
        if self.message:
            text = f"{self.message} ({text})"
        return f"{text} [error {self.error_id}]" if self.error_id else text

    def __reduce__(self) -> tuple[object, ...]:
        return (rpc_error, (self.code, self.message, self.details, self.outcome, self.error_id, self.retry_after))


class _CodedError(RpcError):
    """An RpcError whose class is its code."""

    _code: ClassVar[Code]

    def __init__(
        self,
        message: str = "",
        details: Mapping[str, Detail] | None = None,
        outcome: Outcome = Outcome.EXECUTED,
        *,
        error_id: str = "",
        retry_after: float | None = None,
    ) -> None:
        super().__init__(self._code, message, details, outcome, error_id=error_id, retry_after=retry_after)


class Cancelled(_CodedError):
    """The other side gave the call up."""

    _code = Code.CANCELLED


class DeadlineExceeded(_CodedError, TimeoutError):
    """The deadline of the call has passed."""

    _code = Code.DEADLINE_EXCEEDED


class Unavailable(_CodedError):
    """The other side cannot take the call now: not connected, or draining."""

    _code = Code.UNAVAILABLE


class Unimplemented(_CodedError):
    """The other side has no such service or method."""

    _code = Code.UNIMPLEMENTED


class Unauthenticated(_CodedError):
    """The other side does not know who is calling."""

    _code = Code.UNAUTHENTICATED


class PermissionDenied(_CodedError):
    """The caller may not call this method."""

    _code = Code.PERMISSION_DENIED


class InvalidArgument(_CodedError):
    """The arguments are not what the method takes."""

    _code = Code.INVALID_ARGUMENT


class ResourceExhausted(_CodedError):
    """A bound was reached: pending calls, a window, a size."""

    _code = Code.RESOURCE_EXHAUSTED


class Internal(_CodedError):
    """The handler failed with an exception that its IDL does not declare."""

    _code = Code.INTERNAL


_BY_CODE: dict[Code, type[_CodedError]] = {
    error._code: error  # noqa: SLF001 - the classes of this module
    for error in (
        Cancelled,
        DeadlineExceeded,
        Unavailable,
        Unimplemented,
        Unauthenticated,
        PermissionDenied,
        InvalidArgument,
        ResourceExhausted,
        Internal,
    )
}


def rpc_error(
    code: Code,
    message: str = "",
    details: Mapping[str, Detail] | None = None,
    outcome: Outcome = Outcome.EXECUTED,
    error_id: str = "",
    retry_after: float | None = None,
) -> RpcError:
    """The exception of a code: the same class on both sides."""
    return _BY_CODE[code](message, details, outcome, error_id=error_id, retry_after=retry_after)
