"""All that generated modules import: the bases of their classes, and what declares fields and functions."""

from __future__ import annotations

from callosum.streams import BidiStream, BlockingBidiStream, BlockingReceiveStream, ReceiveStream
from callosum.upper.thrift.declaration import (
    Service,
    Stub,
    function,
    oneway,
    parameter,
    required_parameter,
    stream,
    thrown,
)
from callosum.upper.thrift.enums import Enum
from callosum.upper.thrift.payload import KW_ONLY, DeclaredException, Struct, Union, arm, field, required

__all__ = [
    "KW_ONLY",
    "BidiStream",
    "BlockingBidiStream",
    "BlockingReceiveStream",
    "DeclaredException",
    "Enum",
    "ReceiveStream",
    "Service",
    "Struct",
    "Stub",
    "Union",
    "arm",
    "field",
    "function",
    "oneway",
    "parameter",
    "required",
    "required_parameter",
    "stream",
    "thrown",
]
