"""Other implementations of the protocols, values of any type, and forms in which values can be compared."""

from __future__ import annotations

import enum
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import strategies as st
from thrift.protocol.TBinaryProtocol import TBinaryProtocol as ApacheBinary
from thrift.protocol.TCompactProtocol import TCompactProtocol as ApacheCompact
from thrift.protocol.TJSONProtocol import TJSONProtocol as ApacheJson
from thrift.transport.TTransport import TMemoryBuffer as ApacheBuffer
from thriftpy2.protocol.binary import TBinaryProtocol
from thriftpy2.protocol.compact import TCompactProtocol
from thriftpy2.transport.memory import TMemoryBuffer

from callosum.upper.thrift.spec import (
    BINARY,
    BOOL,
    DOUBLE,
    I8,
    I16,
    I32,
    I64,
    STRING,
    UUID,
    EnumType,
    ListType,
    MapType,
    NumberType,
    SetType,
    Struct,
    StructType,
    TextType,
    Type,
    UuidType,
    struct_of,
)

IDL = Path(__file__).parents[1] / "idl"


BINARY_PROTOCOL = "thrift-binary"
APACHE: dict[str, Any] = {BINARY_PROTOCOL: ApacheBinary, "thrift-compact": ApacheCompact, "thrift-json": ApacheJson}
THRIFTPY2: dict[str, Any] = {BINARY_PROTOCOL: TBinaryProtocol, "thrift-compact": TCompactProtocol}
"""Protocols of others by the names of our encodings."""


def thriftpy2_encode(value: Any, encoding: str = BINARY_PROTOCOL) -> bytes:
    buffer = TMemoryBuffer()
    THRIFTPY2[encoding](buffer).write_struct(value)
    written: bytes = buffer.getvalue()
    return written


def thriftpy2_decode(cls: Any, body: bytes, encoding: str = BINARY_PROTOCOL) -> Any:
    value = cls()
    THRIFTPY2[encoding](TMemoryBuffer(body), decode_response=True, strict_decode=False).read_struct(value)
    return value


def apache_encode(value: Any, encoding: str = BINARY_PROTOCOL) -> bytes:
    buffer = ApacheBuffer()
    _write(APACHE[encoding](buffer), StructType(type(value)), value)
    written: bytes = buffer.getvalue()
    return written


def apache_decode(cls: type, body: bytes, encoding: str = BINARY_PROTOCOL) -> Any:
    """The value in the form of `plain`."""
    buffer = ApacheBuffer(body)
    value = _read(APACHE[encoding](buffer), StructType(cls))
    assert buffer.cstringio_buf.tell() == len(body)
    return value


def _write(protocol: Any, kind: Type, value: Any) -> None:
    match kind:
        case NumberType() | EnumType() | TextType() | UuidType():
            name = "I32" if isinstance(kind, EnumType) else _NAMES[kind]
            getattr(protocol, f"write{name}")(value)
        case StructType():
            protocol.writeStructBegin(kind.text)
            for field in struct_of(kind.cls).fields:
                if getattr(value, field.name) is not None:
                    protocol.writeFieldBegin(field.name, int(field.type.wire), field.id)
                    _write(protocol, field.type, getattr(value, field.name))
                    protocol.writeFieldEnd()
            protocol.writeFieldStop()
            protocol.writeStructEnd()
        case ListType() | SetType():
            begin = protocol.writeListBegin if isinstance(kind, ListType) else protocol.writeSetBegin
            begin(int(kind.element.wire), len(value))
            for one in value:
                _write(protocol, kind.element, one)
            protocol.writeListEnd()
        case MapType():
            protocol.writeMapBegin(int(kind.key.wire), int(kind.value.wire), len(value))
            for key, one in value.items():
                _write(protocol, kind.key, key)
                _write(protocol, kind.value, one)
            protocol.writeMapEnd()


def _read(protocol: Any, kind: Type) -> Any:
    match kind:
        case NumberType() | EnumType() | TextType() | UuidType():
            return getattr(protocol, f"read{'I32' if isinstance(kind, EnumType) else _NAMES[kind]}")()
        case StructType():
            return _read_struct(protocol, struct_of(kind.cls))
        case ListType():
            _, count = protocol.readListBegin()
            return _end(protocol.readListEnd, tuple(_read(protocol, kind.element) for _ in range(count)))
        case SetType():
            _, count = protocol.readSetBegin()
            return _end(protocol.readSetEnd, frozenset(_read(protocol, kind.element) for _ in range(count)))
        case MapType():
            _, _, count = protocol.readMapBegin()
            pairs = frozenset((_read(protocol, kind.key), _read(protocol, kind.value)) for _ in range(count))
            return _end(protocol.readMapEnd, pairs)


def _read_struct(protocol: Any, struct: Struct) -> Any:
    fields = {field.id: field for field in struct.fields}
    found: dict[str, Any] = {}
    protocol.readStructBegin()
    while True:
        _, wire, ident = protocol.readFieldBegin()
        if wire == 0:
            protocol.readStructEnd()
            return (struct.name, frozenset(found.items()))
        assert wire == fields[ident].type.wire
        found[fields[ident].name] = _read(protocol, fields[ident].type)
        protocol.readFieldEnd()


def _end(end: Callable[[], None], value: Any) -> Any:
    """The value, after what ends its container was called: Apache's compact protocol counts them."""
    end()
    return value


_NAMES: dict[Type, str] = {
    BOOL: "Bool",
    I8: "Byte",
    I16: "I16",
    I32: "I32",
    I64: "I64",
    DOUBLE: "Double",
    STRING: "String",
    BINARY: "Binary",
    UUID: "Uuid",
}


def plain(kind: Type, value: Any) -> Any:
    """A value as tuples and frozensets of plain values: the same for equal values of any implementation."""
    match kind:
        case NumberType() | EnumType() | UuidType():
            return int(value) if isinstance(value, enum.IntEnum) else value
        case TextType():  # thriftpy2 gives a str where it can
            return value.encode() if kind.is_binary and isinstance(value, str) else value
        case StructType():
            fields = {f.name: (f.type, getattr(value, f.name)) for f in struct_of(kind.cls).fields}
            given = {name: plain(one, inner) for name, (one, inner) in fields.items() if inner is not None}
            return (kind.text, frozenset(given.items()))
        case ListType():
            return tuple(plain(kind.element, one) for one in value)
        case SetType():
            return frozenset(plain(kind.element, one) for one in value)
        case MapType():
            return frozenset((plain(kind.key, key), plain(kind.value, one)) for key, one in value.items())


_SIMPLE: dict[Type, st.SearchStrategy[Any]] = {
    BOOL: st.booleans(),
    I8: st.integers(-(2**7), 2**7 - 1),
    I16: st.integers(-(2**15), 2**15 - 1),
    I32: st.integers(-(2**31), 2**31 - 1),
    I64: st.integers(-(2**63), 2**63 - 1),
    DOUBLE: st.floats(allow_nan=False),
    STRING: st.text(max_size=8),
    BINARY: st.binary(max_size=8),
    UUID: st.builds(uuid.UUID, bytes=st.binary(min_size=16, max_size=16)),
}


def values(kind: Type, depth: int = 0, *, frozen: bool = False) -> st.SearchStrategy[Any]:
    """Values of a type. Those that are elements of sets, or keys, are frozen."""
    most = 3 if depth < 3 else 0
    match kind:
        case NumberType() | TextType() | UuidType():
            return _SIMPLE[kind]
        case EnumType():
            return st.one_of(st.sampled_from(list(kind.cls)), _SIMPLE[I32].map(kind.cls))
        case StructType():
            return structs(kind.cls, depth + 1)
        case ListType():
            lists = st.lists(values(kind.element, depth + 1, frozen=frozen), max_size=most)
            return lists.map(tuple) if frozen else lists
        case SetType():
            sets = st.frozensets(values(kind.element, depth + 1, frozen=True), max_size=most)
            return sets if frozen else sets.map(set)
        case MapType():
            keys = values(kind.key, depth + 1, frozen=True)
            return st.dictionaries(keys, values(kind.value, depth + 1), max_size=most)


def structs(cls: Callable[..., Any], depth: int = 0) -> st.SearchStrategy[Any]:
    assert isinstance(cls, type)
    struct = struct_of(cls)
    if struct.is_union:
        arms = [
            st.builds(cls, **{f.name: values(f.type, depth)})
            for f in struct.fields
            if depth < 3 or not isinstance(f.type, ListType)
        ]
        return st.one_of(arms)
    fields: dict[str, st.SearchStrategy[Any]] = {}
    for field in struct.fields:
        given = values(field.type, depth) if depth < 3 or field.is_required else st.none()
        fields[field.name] = given if field.is_required or depth >= 3 else st.one_of(st.none(), given)
    return st.builds(cls, **fields)
