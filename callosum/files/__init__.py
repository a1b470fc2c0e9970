"""Files and other large contents over streams of ``binary``: whole, verified, and to be gone on with.

await stub.upload("a.iso", files.send("a.iso"))
await files.receive(stub.download("a.iso", 0), "a.iso")
"""

from callosum.files.errors import (
    Corrupted,
    SourceChanged,
    TargetBusy,
    TooLarge,
    TransferError,
    Truncated,
    WrongOffset,
)
from callosum.files.progress import Progress
from callosum.files.receiving import Received, discard, offset_of, receive
from callosum.files.sending import send
from callosum.files.sources import Source
from callosum.files.targets import Consumer, Target

__all__ = [
    "Consumer",
    "Corrupted",
    "Progress",
    "Received",
    "Source",
    "SourceChanged",
    "Target",
    "TargetBusy",
    "TooLarge",
    "TransferError",
    "Truncated",
    "WrongOffset",
    "discard",
    "offset_of",
    "receive",
    "send",
]
