"""The codec beside other implementations, and against hostile input."""

from __future__ import annotations

import math
import random
import time
import tracemalloc
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from callosum.errors import DecodeError, EncodeError
from callosum.upper.thrift import load
from callosum.upper.thrift.binary import BINARY
from callosum.upper.thrift.codec import ENCODINGS, MethodCodecs, codec_of
from callosum.upper.thrift.compiled import CompiledEncoding
from callosum.upper.thrift.encoding import Encoding
from callosum.upper.thrift.footprint import room
from callosum.upper.thrift.spec import StructType
from tests.upper.thrift.oracles import (
    IDL,
    apache_decode,
    apache_encode,
    plain,
    structs,
    thriftpy2_decode,
    thriftpy2_encode,
)

m: Any = load(IDL / "everything.thrift")
CLASSES = [m.Numbers, m.Scattered, m.Text, m.Containers, m.Node, m.Shape, m.Defaults, m.NotFound, m.Odd, m.Later]
QUICK = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))


BINARIES = [one for one in ENCODINGS if isinstance(one, CompiledEncoding)]
"""The tests of JSON, which cannot have every key, are in json_protocol/."""
BOTH = pytest.mark.parametrize("encoding", BINARIES, ids=lambda one: one.name)


def same(one: Any, other: Any) -> bool:
    kind = StructType(type(one))
    return type(one) is type(other) and bool(plain(kind, one) == plain(kind, other))


def full() -> list[Any]:
    """A value of each kind of struct, with most of its fields set."""
    point = m.Point(x=1, y=-2)
    leaf = m.Node(name="leaf")
    return [
        m.Numbers(flag=True, tiny=-128, small=300, medium=-70000, large=2**40, real=1.5),
        m.Scattered(negative=1, seven=7, text="süß", five=5.0, last=False),
        m.Text(text="", raw=b"\0\xff"),
        m.Containers(
            flags=[True, False],
            tinies=[-1, 1],
            smalls=[1],
            mediums=[1, 2, 3],
            larges=[2**62],
            reals=[0.5, -math.inf],
            texts=["a", "ß"],
            raws=[b"", b"x"],
            colours=[m.Colour.RED, m.Colour(77)],
            points=[point, m.Point(x=0, y=0)],
            flag_set={True},
            number_set={1, 2},
            text_set={"a", "b"},
            colour_set={m.Colour.GREEN},
            point_set={point},
            ages={"ann": 30},
            places={5: point},
            shades={m.Colour.RED: [m.Colour.GREEN]},
            names={point: "p"},
            matrix=[[1], [], [2, 3]],
            tuples={(1, 2), ()},
            groups={frozenset({"x"})},
            deep_keys={((1,), ()): 0.25},
            nested={"a": {"b": {1}}},
            real_set={0.5},
            by_flag={False: b"no"},
        ),
        m.Node(name="root", after=leaf, children=[leaf, leaf], by_name={"leaf": leaf}),
        m.Shape(group=[m.Shape(point=point), m.Shape(colour=m.Colour.RED), m.Shape(name="n")]),
        m.Defaults(),
        m.NotFound(name="x"),
        m.Odd(outcome=3, where=point),
        m.Later(number=1),
        m.Empty(),
    ]


@BOTH
@pytest.mark.parametrize("value", full(), ids=lambda value: type(value).__name__)
def test_values_survive_and_others_write_the_same(value: Any, encoding: Encoding) -> None:
    codec = encoding.codec_of(type(value))
    body = codec.encode(value)
    assert body == thriftpy2_encode(value, encoding.name) == apache_encode(value, encoding.name)
    assert same(codec.decode(body), value)
    assert same(codec.decode(memoryview(body)), value)
    assert apache_decode(type(value), body, encoding.name) == plain(StructType(type(value)), value)


@BOTH
@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_any_value_survives_and_is_read_by_others(cls: Any, encoding: Encoding) -> None:
    codec = encoding.codec_of(cls)
    kind = StructType(cls)

    @QUICK
    @given(structs(cls))
    def check(value: Any) -> None:
        body = codec.encode(value)
        assert plain(kind, codec.decode(body)) == with_defaults(value)
        assert body == apache_encode(value, encoding.name) == thriftpy2_encode(value, encoding.name)
        assert apache_decode(cls, body, encoding.name) == plain(kind, value)

    def with_defaults(value: Any) -> Any:
        """What is not written comes back as its default."""
        return plain(kind, codec.decode(apache_encode(value, encoding.name)))

    check()


@BOTH
@pytest.mark.parametrize("cls", [m.Numbers, m.Scattered, m.Text, m.Node, m.NotFound], ids=lambda cls: cls.__name__)
def test_what_thriftpy2_reads_is_what_was_written(cls: Any, encoding: Encoding) -> None:
    kind, codec = StructType(cls), encoding.codec_of(cls)

    @QUICK
    @given(structs(cls))
    def check(value: Any) -> None:
        body = codec.encode(value)
        assert plain(kind, thriftpy2_decode(cls, body, encoding.name)) == plain(kind, codec.decode(body))

    check()


@BOTH
def test_values_have_the_types_of_the_idl(encoding: Encoding) -> None:
    codec = encoding.codec_of(m.Containers)
    value = codec.decode(codec.encode(full()[3]))
    assert value.colours == [1, 77]
    assert value.colours[0] is m.Colour.RED
    assert value.colours[1].name == "UNKNOWN_77"
    assert type(value.text_set) is set
    assert type(value.flags[0]) is bool
    assert type(value.raws[0]) is bytes
    assert {type(one) for one in value.tuples} == {tuple}
    assert {type(one) for one in value.groups} == {frozenset}
    assert value.places[5] == m.Point(1, -2)


@BOTH
def test_nan_is_a_double(encoding: Encoding) -> None:
    codec = encoding.codec_of(m.Numbers)
    value = codec.decode(codec.encode(m.Numbers(real=math.nan)))
    assert math.isnan(value.real)


@BOTH
def test_other_types_that_are_as_good(encoding: Encoding) -> None:
    codec_of = encoding.codec_of

    class Name(str):
        __slots__ = ()

    class Number(int):
        pass

    numbers = m.Numbers(medium=Number(5), large=m.Colour.RED, real=7)
    assert codec_of(m.Numbers).decode(codec_of(m.Numbers).encode(numbers)) == m.Numbers(medium=5, large=1, real=7.0)
    text = m.Text(text=Name("n"), raw=memoryview(bytearray(b"xyz"))[1:])
    assert codec_of(m.Text).decode(codec_of(m.Text).encode(text)) == m.Text(text="n", raw=b"yz")
    lists = m.Containers(mediums=(Number(1), 2), reals=[1, 2.5], colours=(1, m.Colour.RED), number_set=frozenset({3}))
    assert codec_of(m.Containers).decode(codec_of(m.Containers).encode(lists)) == m.Containers(
        mediums=[1, 2], reals=[1.0, 2.5], colours=[1, 1], number_set={3}
    )

    class Near(m.Point):  # type: ignore[misc] # a class without static types
        pass

    assert codec_of(m.Odd).encode(m.Odd(where=Near(1, 2))) == codec_of(m.Odd).encode(m.Odd(where=m.Point(1, 2)))


def test_fields_in_any_order_and_of_any_age_are_read() -> None:
    x, y = b"\x08\0\1\0\0\0\5", b"\x08\0\2\0\0\0\6"
    unknown = b"\x0f\0\x63\x0c\0\0\0\2\0\x0b\0\1\0\0\0\1a\0"
    point = m.Point(5, 6)
    for body in (x + y, y + x, unknown + y + unknown + x, x + unknown + y, x + x + y, y + y + x + y):
        assert codec_of(m.Point).decode(body + b"\0") == point


def test_codecs_of_a_method_are_made_when_they_are_asked_for() -> None:
    made: list[str] = []

    def maker(name: str) -> Any:
        def make() -> Any:
            made.append(name)
            return name.upper()

        return make

    codecs = MethodCodecs({"a": maker("a"), "b": maker("b")})
    assert (list(codecs), len(codecs), "a" in codecs, "c" in codecs, made) == (["a", "b"], 2, True, False, [])
    assert next(iter(codecs.values())) == "A"
    assert (codecs["b"], codecs["b"], made) == ("B", "B", ["a", "b"])
    with pytest.raises(KeyError):
        codecs["c"]


# --- hostile input ---------------------------------------------------------------------------------------------------


def corpus(encoding: Encoding) -> list[tuple[Any, bytes]]:
    return [(type(value), encoding.codec_of(type(value)).encode(value)) for value in full()]


def texts_of(value: Any) -> list[bytes]:
    """All text and bytes within a value."""
    if isinstance(value, str):
        return [value.encode()]
    if isinstance(value, bytes):
        return [value]
    if isinstance(value, list | tuple | set | frozenset):
        return [text for one in value for text in texts_of(one)]
    if isinstance(value, dict):
        return [text for pair in value.items() for text in texts_of(pair)]
    return [text for one in vars(value).values() for text in texts_of(one)] if hasattr(value, "thrift_spec") else []


def attempt(cls: Any, body: bytes, encoding: Encoding = BINARY) -> Any:
    """The value, or None where there is a DecodeError. Anything else fails."""
    try:
        return encoding.codec_of(cls).decode(body)
    except DecodeError as error:
        assert error.path.startswith(cls.__name__)
        return None


@pytest.mark.parametrize(
    ("encoding", "cls", "body"),
    [(one, *seed) for one in BINARIES for seed in corpus(one)],
    ids=lambda part: getattr(part, "name", getattr(part, "__name__", "")),
)
def test_truncated_input_is_refused_at_every_byte(encoding: Encoding, cls: Any, body: bytes) -> None:
    for length in range(len(body)):
        with pytest.raises(DecodeError):
            encoding.codec_of(cls).decode(body[:length])
    with pytest.raises(DecodeError, match="1 bytes are left over"):
        encoding.codec_of(cls).decode(body + b"\0")


@pytest.mark.parametrize(
    ("encoding", "cls", "body"),
    [(one, *seed) for one in BINARIES for seed in corpus(one)],
    ids=lambda part: getattr(part, "name", getattr(part, "__name__", "")),
)
def test_flipped_bits_give_an_error_or_what_was_in_the_input(encoding: Encoding, cls: Any, body: bytes) -> None:
    for position in range(len(body)):
        for bit in range(8):
            flipped = bytearray(body)
            flipped[position] ^= 1 << bit
            value = attempt(cls, bytes(flipped), encoding)
            if value is not None and cls is not m.Defaults:  # those have text of their own
                assert all(text in flipped for text in texts_of(value))


@BOTH
def test_random_input_is_refused_quickly(encoding: Encoding) -> None:
    chance = random.Random(5)
    seeds = corpus(encoding)
    slowest = 0.0
    for _ in range(4000):
        cls, body = chance.choice(seeds)
        mutated = bytearray(body)
        for _ in range(chance.randint(1, 6)):
            at = chance.randrange(len(mutated) + 1)
            match chance.randrange(4):
                case 0:
                    mutated[at : at + chance.randint(0, 4)] = chance.randbytes(chance.randint(0, 6))
                case 1:
                    mutated[at : at + 4] = chance.choice([b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\0\1\0\0"])
                case 2:
                    mutated[at:at] = chance.choice(seeds)[1][: chance.randint(0, 40)]
                case _:
                    mutated[at : at + 1] = bytes([chance.choice([0, 2, 3, 4, 6, 8, 10, 11, 12, 13, 14, 15])])
        start = time.thread_time()
        attempt(cls, bytes(mutated), encoding)
        slowest = max(slowest, time.thread_time() - start)
    assert slowest < 0.2  # seconds of CPU


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(BINARIES), st.sampled_from(CLASSES), st.binary(max_size=60))
def test_any_bytes_give_a_value_or_a_decode_error(encoding: Encoding, cls: Any, body: bytes) -> None:
    attempt(cls, body, encoding)


def test_a_short_input_does_not_become_a_large_value() -> None:
    count = 1 << 20
    empty_structs = b"\x0f\0\3\x0c" + count.to_bytes(4, "big") + bytes(count) + b"\0"
    tracemalloc.start()
    try:
        attempt(m.Node, empty_structs)
        assert tracemalloc.get_traced_memory()[1] < room(len(empty_structs))
    finally:
        tracemalloc.stop()


def test_structs_that_would_take_too_much_memory_are_refused() -> None:
    wide = type("Wide", (m.Empty.__base__,), {"thrift_spec": {i: (8, f"f{i}", False) for i in range(1, 200)}})
    holder = type("Holder", (m.Empty.__base__,), {"thrift_spec": {1: (15, "wides", (12, wide), False)}})
    few, many = 100, 100_000
    assert len(codec_of(holder).decode(b"\x0f\0\1\x0c" + few.to_bytes(4, "big") + bytes(few) + b"\0").wides) == few
    with pytest.raises(DecodeError, match=r"Holder\.wides: its 100000 structs would take far more memory"):
        codec_of(holder).decode(b"\x0f\0\1\x0c" + many.to_bytes(4, "big") + bytes(many) + b"\0")


def test_counts_beyond_the_input_are_refused_before_anything_is_made() -> None:
    for field, element in ((1, 2), (4, 8), (7, 11), (10, 12), (20, 15)):
        body = b"\x0f" + field.to_bytes(2, "big") + bytes([element]) + b"\x7f\xff\xff\xff" + bytes(300)
        with pytest.raises(DecodeError, match="it has 2147483647 elements, and 300 bytes are left"):
            codec_of(m.Containers).decode(body)
    with pytest.raises(DecodeError, match="it has 4294967295 elements"):
        codec_of(m.Containers).decode(b"\x0d\0\x10\x0b\x08\xff\xff\xff\xff" + bytes(300))


def test_nesting_is_limited_both_ways() -> None:
    node = None
    for _ in range(64):
        node = m.Node(after=node)
    body = codec_of(m.Node).encode(node)
    assert codec_of(m.Node).decode(body) == node
    with pytest.raises(EncodeError, match="nested more than 64 deep") as caught:
        codec_of(m.Node).encode(m.Node(after=node))
    assert caught.value.path == "Node" + ".after" * 64
    with pytest.raises(DecodeError, match="nested more than 64 deep"):
        codec_of(m.Node).decode(b"\x0c\0\2" + body + b"\0")
    for inside in (b"\x0c\0\x63", b"\x0f\0\x63\x0c\0\0\0\1"):
        with pytest.raises(DecodeError, match="unknown field 99.*cannot be skipped"):
            codec_of(m.Point).decode(inside * 100 + bytes(200))
    circle = m.Node()
    circle.children = [circle]
    with pytest.raises(EncodeError, match="nested more than 64 deep"):
        codec_of(m.Node).encode(circle)


def test_elements_with_one_hash_are_refused() -> None:
    """-1 and -2 have the same hash in CPython: a set of structs of them would take quadratic time."""
    points = [(-1 - (n & 1), -1 - (n >> 1 & 1)) for n in range(300)]
    elements = b"".join(
        b"\x08\0\1" + x.to_bytes(4, "big", signed=True) + b"\x08\0\2" + y.to_bytes(4, "big", signed=True) + b"\0"
        for x, y in points
    )
    body = b"\x0e\0\x0f\x0c" + len(points).to_bytes(4, "big") + elements + b"\0"
    with pytest.raises(DecodeError, match="Containers: a set or a map has more than 64 elements with the same hash"):
        codec_of(m.Containers).decode(body)
    assert len(codec_of(m.Containers).decode(b"\x0e\0\x0f\x0c\0\0\0\x40" + elements[: 64 * 15] + b"\0").point_set) == 4
