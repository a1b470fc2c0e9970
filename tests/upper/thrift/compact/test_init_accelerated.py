"""Apache's library with its extension module, which is what its generated code runs, and bodies of compact."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from thrift.protocol.TCompactProtocol import TCompactProtocolAccelerated
from thrift.transport.TTransport import TMemoryBuffer

from callosum.upper.thrift import load
from callosum.upper.thrift.compact import COMPACT
from callosum.upper.thrift.spec import (
    EnumType,
    ListType,
    MapType,
    NumberType,
    SetType,
    StructType,
    TextType,
    Type,
    UuidType,
    struct_of,
)
from tests.upper.thrift.oracles import IDL, plain, structs

m: Any = load(IDL / "everything.thrift")
CLASSES = [m.Numbers, m.Text, m.Point, m.Containers, m.Node, m.Shape, m.NotFound, m.Odd, m.Empty]
"""Not Scattered: the extension knows no negative ids."""
_KNOWN: dict[type, Any] = {}


def apache_class(cls: type) -> Any:
    """A class as Apache's compiler writes them: with a ``thrift_spec`` by ids."""
    if cls not in _KNOWN:
        fields = struct_of(cls).fields
        made: Any = type(cls.__name__, (), {one.name: None for one in fields})
        _KNOWN[cls] = made
        specs: list[Any] = [None] * (max([one.id for one in fields], default=-1) + 1)
        for one in fields:
            specs[one.id] = (one.id, *spec_of(one.type, one.name), None)
        made.thrift_spec = tuple(specs)
    return _KNOWN[cls]


def spec_of(kind: Type, name: str) -> tuple[int, str, Any]:
    return int(kind.wire), name, detail_of(kind)


def detail_of(kind: Type) -> Any:
    match kind:
        case TextType():
            return "BINARY" if kind.is_binary else "UTF8"
        case StructType():
            cls = apache_class(kind.cls)
            return [cls, cls.__dict__.get("thrift_spec")]
        case ListType() | SetType():
            return (int(kind.element.wire), detail_of(kind.element), False)
        case MapType():
            inner = [part for one in (kind.key, kind.value) for part in (int(one.wire), detail_of(one))]
            return (*inner, False)
        case NumberType() | EnumType() | UuidType():
            return None


def completed() -> None:
    """Specs of structs that hold themselves name a spec that was not there yet."""
    for cls in CLASSES:
        apache_class(cls)
    for made in _KNOWN.values():
        for spec in made.thrift_spec:
            complete(spec[3] if spec else None)


def complete(detail: Any) -> None:
    if isinstance(detail, list):
        detail[1] = detail[0].thrift_spec
    elif isinstance(detail, tuple):
        for one in detail:
            complete(one)


def as_apache(kind: Type, value: Any) -> Any:
    match kind:
        case StructType():
            made = apache_class(kind.cls)()
            for one in struct_of(kind.cls).fields:
                inner = getattr(value, one.name)
                setattr(made, one.name, None if inner is None else as_apache(one.type, inner))
            return made
        case ListType() | SetType():
            return [as_apache(kind.element, one) for one in value]
        case MapType():
            return {as_apache(kind.key, key): as_apache(kind.value, one) for key, one in value.items()}
        case _:
            return value


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_the_extension_writes_the_same_bytes_and_reads_ours(cls: Any) -> None:
    completed()
    kind, codec, made = StructType(cls), COMPACT.codec_of(cls), apache_class(cls)

    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(structs(cls))
    def check(value: Any) -> None:
        if cls is m.Containers:
            value.deep_keys = value.names = value.tuples = value.groups = value.point_set = (
                None  # it makes lists of keys
            )
        writer = TCompactProtocolAccelerated(TMemoryBuffer(), fallback=False)
        body = writer._fast_encode(as_apache(kind, value), [made, made.thrift_spec])
        assert body == codec.encode(value)
        reader = TCompactProtocolAccelerated(TMemoryBuffer(body), fallback=False)
        read = made()
        reader._fast_decode(read, reader, [made, made.thrift_spec])
        assert plain(kind, read) == plain(kind, value)

    check()
