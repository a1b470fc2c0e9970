from __future__ import annotations

from typing import Any

import pytest

from callosum.errors import ConfigurationError
from callosum.upper.thrift import load
from callosum.upper.thrift.binary import BINARY
from callosum.upper.thrift.spec import StructType
from tests.upper.thrift.oracles import IDL

m: Any = load(IDL / "everything.thrift")


def test_classes_are_compiled_once_and_share_what_is_compiled() -> None:
    assert BINARY.codec_of(m.Point) is BINARY.codec_of(m.Point)
    assert BINARY.codec_of(m.Odd).struct.fields[1].type == StructType(m.Point)
    with pytest.raises(ConfigurationError, match="has no thrift_spec"):
        BINARY.codec_of(int)


def test_a_struct_without_fields() -> None:
    assert BINARY.codec_of(m.Empty).encode(m.Empty()) == BINARY.void
    assert BINARY.codec_of(m.Empty).decode(BINARY.void) == m.Empty()
