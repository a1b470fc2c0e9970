"""Why a transfer failed, where that is no OSError of this side.

All are `TransferError`, and that is an `RpcError`: raised in a handler, the caller gets the code and the message of it,
and in ``details`` which it was.
"""

from __future__ import annotations

from typing import ClassVar

from callosum.errors import Code, Outcome, RpcError


class TransferError(RpcError):
    """The content did not arrive, and there is no file with the final name because of it."""

    code_of_class: ClassVar[Code] = Code.INVALID_ARGUMENT
    reason: ClassVar[str] = ""
    """What ``details["transfer"]`` says at the other side."""

    def __init__(self, message: str) -> None:
        super().__init__(self.code_of_class, message, {"transfer": self.reason}, Outcome.EXECUTED)

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.message,)


class Truncated(TransferError):
    """The stream ended before the content did. What has arrived is kept: go on from `callosum.files.offset_of`."""

    reason = "truncated"


class Corrupted(TransferError):
    """What arrived is not what was sent, or is no stream of `callosum.files.send`. Nothing of it is kept."""

    reason = "corrupted"


class SourceChanged(TransferError):
    """The source is not what it was; what is here of it is not kept. Begin again, at 0."""

    reason = "source-changed"


class WrongOffset(TransferError):
    """The sender begins behind what is here. Give it what `callosum.files.offset_of` says."""

    reason = "wrong-offset"


class TooLarge(TransferError):
    """The content is larger than the receiver takes."""

    code_of_class = Code.RESOURCE_EXHAUSTED
    reason = "too-large"


class TargetBusy(TransferError):
    """The same file is being received by somebody else: by a later call, which took it over, or another process."""

    code_of_class = Code.UNAVAILABLE
    reason = "target-busy"
