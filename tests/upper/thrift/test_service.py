from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
import thriftpy2

from callosum.errors import ConfigurationError, DecodeError, EncodeError, Outcome
from callosum.service import Cardinality, Parameter
from callosum.upper.thrift import load
from callosum.upper.thrift.codec import ENCODINGS, codec_of
from callosum.upper.thrift.naming import STUBS_RESERVED, python_name
from callosum.upper.thrift.service import is_service_class, thrift_service
from tests.upper.thrift.oracles import IDL, thriftpy2_decode, thriftpy2_encode

m: Any = load(IDL / "everything.thrift")
service = thrift_service(m.Everything)
methods = service.methods


def test_a_service_describes_itself() -> None:
    assert service.name == "Everything"
    assert service.codecs == tuple(one.name for one in ENCODINGS)
    assert service.describe().splitlines() == [
        "service Everything  # All there is.",
        "    nothing() -> void throws NotFound",
        "    add(a: i64, b: i64) -> i64  # Adds.",
        "    locate(name: string, words: set<string>, depth: i32, colour: Colour) -> Point throws NotFound, Odd",
        "    numbers(numbers: list<i32>) -> list<i32>",
        "    walk(node: Node) -> Node",
        "    shape(shape: Shape) -> Shape",
        "    late(first: Later, by_name: map<string, Later>) -> list<Later>",
        "    with_options(colour: Colour) -> Colour",
        "    None() -> Later",
        "    ping() -> bool  # Whether it is there.",
        "    oneway forget(id: i64)",
    ]


def test_parameters_and_cardinalities() -> None:
    assert methods["add"].parameters == (Parameter("a", False, "i64"), Parameter("b", True, "i64", 2))
    assert methods["forget"].cardinality is Cardinality.ONEWAY
    assert methods["add"].cardinality is Cardinality.UNARY
    assert methods["locate"].raises == (m.NotFound, m.Odd)
    assert (methods["None"].python_name, methods["with_options"].python_name) == ("None_", "with_options_")
    assert methods["add"].python_name == "add"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("say", "say"),
        ("import", "import_"),
        ("with_options", "with_options_"),
        ("__init__", "_init__"),
        ("__mangled", "_mangled"),
        ("_peer", "_peer_"),
    ],
)
def test_names_that_python_or_the_stub_has_get_an_underscore(name: str, expected: str) -> None:
    assert python_name(name, STUBS_RESERVED) == expected


def test_extends_is_inheritance() -> None:
    (base,) = service.bases
    assert base is thrift_service(m.Base)
    assert base.bases == ()
    assert list(base.methods) == ["ping", "forget"]
    assert methods["ping"].wire_name == "Everything/ping"
    assert base.methods["ping"].wire_name == "Base/ping"


def test_arguments_are_written_as_others_do() -> None:
    locate = methods["locate"]
    body = locate.encode_args("here", {"a"}, colour=m.Colour.RED)
    args = m.Everything.locate_args(name="here", words={"a"}, depth=1, colour=1)
    assert body == thriftpy2_encode(args) == codec_of(type(args)).encode(args)
    assert locate.decode_args(body) == ("here", {"a"}, 1, m.Colour.RED)
    assert locate.decode_args(memoryview(body)) == locate.decode_args(body)


def test_arguments_that_do_not_fit_the_signature_are_a_type_error() -> None:
    locate = methods["locate"]
    with pytest.raises(TypeError, match=r"locate\(\) missing 2 required positional arguments: 'name' and 'words'"):
        locate.encode_args()
    with pytest.raises(TypeError, match=r"locate\(\) missing 1 required positional argument: 'colour'"):
        locate.encode_args("here", {"a"})
    with pytest.raises(TypeError, match="unexpected keyword argument 'where'"):
        locate.encode_args(where=1)
    assert locate.encode_args.__name__ == "locate"
    assert methods["None"].encode_args.__name__ == "None_"
    with pytest.raises(TypeError, match=r"with_options_\(\) missing"):
        methods["with_options"].encode_args()


def test_methods_and_parameters_may_have_the_names_of_builtins(tmp_path: Path) -> None:
    path = tmp_path / "builtin_names.thrift"
    path.write_text("""service Names {
        string type(1: string text), i32 len(1: list<i32> numbers = [1], 2: string str), bool isinstance(1: i32 type)
    }""")
    named = thrift_service(load(path).Names).methods
    assert named["type"].decode_args(named["type"].encode_args("x")) == ("x",)
    assert named["isinstance"].decode_args(named["isinstance"].encode_args(type=7)) == (7,)
    assert named["len"].decode_args(named["len"].encode_args(str="x")) == ([1], "x")
    with pytest.raises(TypeError, match=r"^len\(\) missing 1 required positional argument: 'str'$"):
        named["len"].encode_args([2])
    with pytest.raises(EncodeError, match=r"^Names\.len\.args\.str: the IDL says string, and the value is 5"):
        named["len"].encode_args(str=5)
    assert named["len"].encode_args.__name__ == "len"


def test_what_is_missing_has_its_default_or_its_types_zero() -> None:
    add, locate = methods["add"], methods["locate"]
    assert add.encode_args(None, None) == b"\0"
    assert add.decode_args(b"\0") == (0, 2)
    assert methods["numbers"].decode_args(b"\0") == ([1],)
    assert methods["numbers"].decode_args(b"\0")[0] is not methods["numbers"].decode_args(b"\0")[0]
    assert methods["shape"].decode_args(b"\0") == (None,)
    with pytest.raises(EncodeError, match=r"^Everything\.locate\.args\.name: the field is required \(string\)"):
        locate.encode_args(None, None, None, None)
    with pytest.raises(DecodeError, match=r"^Everything\.locate\.args\.name: the field is required, and not there"):
        locate.decode_args(b"\0")


def test_faults_in_arguments_name_the_place() -> None:
    with pytest.raises(EncodeError, match=r"^Everything\.locate\.args\.words\[0\]: .*give a str"):
        methods["locate"].encode_args("x", {5}, colour=None)
    with pytest.raises(EncodeError, match=r"^Everything\.walk\.args\.node\.children\[1\]\.name: .*5 of type int"):
        methods["walk"].encode_args(m.Node(children=[m.Node(), m.Node(name=5)]))
    with pytest.raises(DecodeError, match=r"^Everything\.add\.args\.a: the IDL says i64, and the input says i32"):
        methods["add"].decode_args(b"\x08\0\1\0\0\0\1\0")


def test_defaults_are_fresh_for_each_call() -> None:
    numbers = methods["numbers"]
    assert numbers.decode_args(numbers.encode_args()) == ([1],)
    first = numbers.decode_args(b"\0")[0]
    first.append(2)
    assert numbers.decode_args(b"\0") == ([1],)


def test_results() -> None:
    locate = methods["locate"]
    body = locate.encode_result(m.Point(1, 2))
    assert body == thriftpy2_encode(m.Everything.locate_result(success=m.Point(1, 2)))
    assert locate.decode_result(body) == m.Point(1, 2)
    assert methods["ping"].decode_result(methods["ping"].encode_result(False)) is False
    assert methods["late"].decode_result(methods["late"].encode_result([])) == []
    with pytest.raises(
        EncodeError, match=r"^Everything\.locate\.result: the handler returned None, and the IDL says Point"
    ):
        locate.encode_result(None)
    with pytest.raises(EncodeError, match=r"^Everything\.locate\.result: the IDL says Point, and the value is 5"):
        locate.encode_result(5)
    with pytest.raises(EncodeError, match=r"^Everything\.locate\.result\.y: the field is required"):
        locate.encode_result(m.Point(1, None))
    with pytest.raises(DecodeError, match=r"^Everything\.locate\.result: missing result: neither"):
        locate.decode_result(b"\0")


def test_void() -> None:
    nothing = methods["nothing"]
    assert nothing.encode_result(None) == b"\0"
    assert nothing.decode_result(b"\0") is None
    assert nothing.decode_result(memoryview(b"\0")) is None
    with pytest.raises(EncodeError, match=r"^Everything\.nothing\.result: the IDL says void, .* returned a int"):
        nothing.encode_result(5)
    with pytest.raises(DecodeError, match="missing result: it is no declared exception"):
        nothing.decode_result(b"\x08\0\x09\0\0\0\1\0")


def test_declared_exceptions_arrive_as_themselves() -> None:
    locate = methods["locate"]
    encode = locate.preferred.encode_exception
    body = encode(m.NotFound(name="x"))
    assert body == thriftpy2_encode(m.Everything.locate_result(missing=m.NotFound(name="x")))
    with pytest.raises(m.NotFound) as caught:
        locate.decode_result(body)
    assert (caught.value.name, caught.value.code, caught.value.outcome) == ("x", 404, Outcome.EXECUTED)
    odd = encode(m.Odd(outcome=9))
    assert odd is not None
    with pytest.raises(m.Odd) as odd_caught:
        locate.decode_result(odd)
    assert odd_caught.value.outcome == 9  # the IDL's own
    assert encode(KeyError("x")) is None
    assert methods["ping"].preferred.encode_exception(m.NotFound()) is None
    with pytest.raises(EncodeError, match=r"^Everything\.locate\.result\.missing\.name: .*give a str"):
        encode(m.NotFound(name=5))


def test_an_exception_derived_from_a_declared_one_is_sent_as_that() -> None:
    class Lost(m.NotFound):  # type: ignore[misc] # a class without static types
        pass

    body = methods["locate"].preferred.encode_exception(Lost(name="x"))
    assert thriftpy2_decode(m.Everything.locate_result, body or b"").missing.name == "x"


def test_unions_and_enums_in_arguments() -> None:
    shape, colour = methods["shape"], methods["with_options"]
    (value,) = shape.decode_args(shape.encode_args(m.Shape(colour=m.Colour.RED)))
    assert value.colour is m.Colour.RED
    with pytest.raises(EncodeError, match=r"^Everything\.shape\.args\.shape: a union has exactly one field set.*none"):
        shape.encode_args(m.Shape())
    two = m.Shape(colour=1)
    two.name = "x"
    with pytest.raises(EncodeError, match="Shape has colour, name"):
        shape.encode_args(two)
    assert colour.decode_args(colour.encode_args(m.Colour(99)))[0].name == "UNKNOWN_99"


def raw(folder: Path, text: str) -> Any:
    """A module of thriftpy2's own."""
    path = folder / f"raw_{hashlib.sha256(text.encode()).hexdigest()[:12]}.thrift"
    path.write_text(text)
    return thriftpy2.load(str(path))


def test_modules_of_thriftpy2_work() -> None:
    ours: Any = load(IDL / "echo.thrift")
    theirs: Any = thriftpy2.load(str(IDL / "echo.thrift"))
    service, other = thrift_service(ours.Echo), thrift_service(theirs.Echo)
    assert service.fingerprint == other.fingerprint
    say = other.methods["say"]
    assert say.decode_args(service.methods["say"].encode_args("hi")) == ("hi",)
    assert say.decode_result(say.encode_result(theirs.Echoed("hi", 2))) == theirs.Echoed("hi", 2)
    assert theirs.EmptyMessage.outcome is Outcome.EXECUTED


def test_enums_of_thriftpy2_are_integers(tmp_path: Path) -> None:
    module = raw(tmp_path, "enum Colour { RED = 1 } service S { Colour get(1: Colour colour) }")
    get = thrift_service(module.S).methods["get"]
    assert get.parameters[0].type == "i32"
    assert get.decode_args(get.encode_args(module.Colour.RED)) == (1,)
    assert get.decode_result(get.encode_result(77)) == 77


def test_unions_of_thriftpy2_are_checked_where_its_module_is_known(tmp_path: Path) -> None:
    text = "union U { 1: i32 a, 2: i32 b } service S { void put(1: U u) }"
    unknown = raw(tmp_path, text)
    assert thrift_service(unknown.S).methods["put"].encode_args(unknown.U(1, 2))
    path = tmp_path / "known.thrift"
    path.write_text(text)
    known: Any = thriftpy2.load(str(path), module_name="callosum_known_thrift")
    with pytest.raises(EncodeError, match="exactly one field set"):
        thrift_service(known.S).methods["put"].encode_args(known.U(1, 2))


def test_what_thriftpy2_lost_is_named(tmp_path: Path) -> None:
    module = raw(tmp_path, "service S { void put(1: list<Later> laters) } struct Later { 1: i32 a }")
    with pytest.raises(ConfigurationError, match=r"put_args\.laters: its type was not found.*define the type first"):
        thrift_service(module.S)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("service S { oneway i32 put() }", r"S\.put is oneway and returns something"),
        ("exception E {} service S { oneway void put() throws (1: E e) }", r"S\.put is oneway and throws"),
        ("struct E {} service S { void put() throws (1: E e) }", r"S\.put throws E, which is not an exception"),
        ("service S { void put() throws (1: i32 e) }", r"S\.put throws i32, which is not an exception"),
        ("exception E {} service S { i32 put() throws (0: E e) }", "an exception has the id 0"),
        ("service S { void with_options(), void with_options_() }", "would have the same name in Python"),
        ('service S { void put() (callosum.stream = "server") }', r"S\.put streams what it returns, and that is void"),
        (
            'service S { void put(1: i32 a (callosum.key = "a")) }',
            r"S\.put\.a: callosum has no annotation callosum\.key",
        ),
        (
            'exception E {} service S { void put() throws (1: E e (callosum.stream = "in")) }',
            r"S\.put\.e: callosum has no annotation callosum\.stream",
        ),
        ('struct A { 1: i32 a (callosum.name = "x") } service S { A put() }', r"A\.a: callosum has no annotation"),
        ('struct A { 1: i32 a } (callosum.reserved = "1") service S { A put() }', r"A: a \(id 1\) is reserved"),
    ],
)
def test_faults_of_the_idl(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        thrift_service(raw(tmp_path, text).S)


def test_classes_that_thriftpy2_did_not_make() -> None:
    class Lacking:
        thrift_services = ("put",)

    class Strange:
        thrift_services = ("put me",)

    assert is_service_class(Lacking)
    with pytest.raises(ConfigurationError, match=r"Lacking\.put has no put_args"):
        thrift_service(Lacking)
    with pytest.raises(ConfigurationError, match="Python cannot name this method"):
        thrift_service(Strange)


def test_annotations_reach_the_method(tmp_path: Path) -> None:
    module = raw(
        tmp_path,
        'service S { void put(1: string user) (callosum.key = "user", callosum.timeout = "1.5", other = "x"), '
        'void get() (callosum.idempotent = "true") } (callosum.name = "my.S") '
        "service T extends S {}",
    )
    service = thrift_service(module.S)
    put, get = service.methods["put"], service.methods["get"]
    assert (put.key, put.timeout, put.idempotent) == ("user", 1.5, False)
    assert (get.key, get.timeout, get.idempotent) == (None, None, True)
    assert put.wire_name == "my.S/put"
    derived = thrift_service(module.T)
    assert (derived.name, derived.methods["put"].key, derived.bases[0].name) == ("T", "user", "my.S")


def test_names_of_parameters_never_meet_those_of_the_generated_text(tmp_path: Path) -> None:
    names = ["_add", "_parts", "__v1", "buf", "pos", "key", "depth", "o", "Misfit1", "join", "add"]
    text = ", ".join(f"{index}: i32 {name}" for index, name in enumerate(names, 1))
    module = raw(tmp_path, f"struct A {{ {text} }} service S {{ A put({text}) }}")
    put = thrift_service(module.S).methods["put"]
    numbers = tuple(range(len(names)))
    for codec in put.codecs.values():
        assert codec.decode_args(codec.encode_args(*numbers)) == numbers
        assert codec.decode_result(codec.encode_result(module.A(*numbers))) == module.A(*numbers)
