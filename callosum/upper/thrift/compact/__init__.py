"""Thrift's compact protocol: fields with the difference of their ids, and numbers as short as they are small."""

from __future__ import annotations

from typing import Final

from callosum.upper.thrift.compact.decode import DecoderWriter
from callosum.upper.thrift.compact.diagnosis import decode_error
from callosum.upper.thrift.compact.encode import STOP, EncoderWriter
from callosum.upper.thrift.compiled import CompiledEncoding

COMPACT: Final = CompiledEncoding("thrift-compact", STOP, EncoderWriter, DecoderWriter, decode_error)
