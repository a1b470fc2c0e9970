"""Thrift's binary protocol: fields with absolute ids, and numbers of a fixed size."""

from __future__ import annotations

from typing import Final

from callosum.upper.thrift.binary.decode import DecoderWriter
from callosum.upper.thrift.binary.diagnosis import decode_error
from callosum.upper.thrift.binary.encode import STOP, EncoderWriter
from callosum.upper.thrift.compiled import CompiledEncoding

BINARY: Final = CompiledEncoding("thrift-binary", STOP, EncoderWriter, DecoderWriter, decode_error)
