"""Bodies of `everything.thrift`, and what is said of those that are refused."""

from __future__ import annotations

from typing import Any

import pytest

from callosum.errors import DecodeError
from callosum.upper.thrift import load
from callosum.upper.thrift.json_protocol import JSON
from callosum.upper.thrift.spec import StructType
from tests.upper.thrift.oracles import IDL, plain

m: Any = load(IDL / "everything.thrift")


def decoded(name: str, body: str | bytes) -> Any:
    """The value of a body of this struct."""
    cls, data = getattr(m, name), body.encode() if isinstance(body, str) else body
    value = JSON.codec_of(cls).decode(data)
    assert plain(StructType(cls), JSON.codec_of(cls).decode(memoryview(data))) == plain(StructType(cls), value)
    return value


def encoded(value: Any) -> str:
    """The body of a value."""
    return JSON.codec_of(type(value)).encode(value).decode()


def refusal(name: str, body: str | bytes) -> str:
    """The message for a body that is refused."""
    with pytest.raises(DecodeError) as caught:
        JSON.codec_of(getattr(m, name)).decode(body.encode() if isinstance(body, str) else body)
    assert str(caught.value).startswith(caught.value.path)
    return str(caught.value)


def sparse(cls: Any, **fields: object) -> Any:
    """An instance in which nothing else is set, not even what has a default."""
    made = cls()
    vars(made).update(dict.fromkeys(vars(made)) | fields)
    return made


def given(value: Any) -> dict[str, object]:
    """The fields that are set."""
    return {name: one for name, one in vars(value).items() if one is not None}


def differing(value: Any, other: Any) -> dict[str, object]:
    """The fields of one that another has otherwise."""
    return {name: one for name, one in vars(value).items() if one != vars(other)[name]}
