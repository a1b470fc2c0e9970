from __future__ import annotations

import copy
import importlib
from pathlib import Path
from typing import Any

import pytest

from callosum.errors import ConfigurationError, Outcome
from callosum.upper.thrift import load
from callosum.upper.thrift.service import thrift_service
from tests.upper.thrift.oracles import IDL, thriftpy2_decode, thriftpy2_encode

m: Any = load(IDL / "everything.thrift")


def loaded(folder: Path, text: str) -> Any:
    path = folder / "a.thrift"
    path.write_text(text)
    return load(path)


def test_enums_are_open() -> None:
    assert m.Colour.RED == 1
    assert (m.Colour.GREEN.value, m.Colour.None_.value) == (2, 7)
    unknown = m.Colour(77)
    assert (unknown, unknown.name, unknown.value, repr(unknown), str(unknown)) == (
        77,
        "UNKNOWN_77",
        77,
        "Colour.UNKNOWN_77",
        "77",
    )
    assert unknown == m.Colour(77)
    assert hash(unknown) == hash(77)
    assert m.Colour(-5).name == "UNKNOWN_-5"
    assert list(m.Colour) == [1, 2, 7]
    assert copy.deepcopy(unknown) == unknown
    for value in (2**31, -(2**31) - 1, "RED", 1.5):
        with pytest.raises(ValueError, match="is not a valid Colour"):
            m.Colour(value)


def test_members_keep_away_from_what_an_enum_has(tmp_path: Path) -> None:
    module = loaded(tmp_path, "enum E { name, value, real, mro, _private, None, ok }")
    assert [one.name for one in module.E] == ["name_", "value_", "real_", "mro_", "_private", "None_", "ok"]


def test_members_that_python_cannot_have_are_a_configuration_error(tmp_path: Path) -> None:
    for members in ("name, name_", "__missing__, ok"):
        with pytest.raises(ConfigurationError, match="the enum E has names that Python cannot keep apart or refuses"):
            loaded(tmp_path, f"enum E {{ {members} }}")
    with pytest.raises(ConfigurationError, match="the enum E cannot be one in Python"):
        loaded(tmp_path, "enum E { _sunder_ }")


def test_an_enum_has_the_same_name_in_the_module_and_in_the_types() -> None:
    assert m.Containers.thrift_spec[9] == (15, "colours", (8, m.Colour), False)
    assert m.Colour.__module__ == m.__name__
    assert m.Colour.__doc__ == "What a thing\nlooks like."
    assert m.__thrift_meta__["enums"] == [m.Colour]
    assert m.FAVOURITE is m.Colour.GREEN


def test_defaults_are_of_their_types() -> None:
    value = m.Defaults()
    assert value.colour is m.Colour.RED
    assert (value.count, value.name, value.flag, value.real) == (3, "x", True, 2.0)
    assert type(value.real) is float
    assert (value.numbers, value.words, value.table, value.none) == ([1, 2], {"a"}, {"k": [1]}, [])
    assert value.origin == m.Point(1, 2)
    assert value.raw == b"raw"
    assert m.Later().sooner == m.Sooner(4)


def test_mutable_defaults_are_fresh_for_each_instance() -> None:
    one, other = m.Defaults(), m.Defaults()
    one.numbers.append(3)
    one.table["k"].append(2)
    one.words.add("b")
    one.origin.x = 9
    assert other == m.Defaults()
    assert m.Defaults(numbers=None).numbers is None
    assert m.Defaults(5).count == 5


def test_constants_and_docs() -> None:
    assert (m.LIMIT, m.WORDS) == (64, ["one", "two"])
    assert m.Point.__doc__ == "Two of its fields are required."
    assert m.Empty.__doc__ is None
    assert m.Everything.__doc__ == "All there is."


def test_constants_of_types_that_come_later(tmp_path: Path) -> None:
    module = loaded(
        tmp_path,
        'const A ONE = {"a": 5, "e": 2}\nconst E TWO = 2\nconst L THREE = [1]\nconst A FOUR = {"e": 2}\n'
        "struct A { 1: i32 a = 7, 2: E e, 3: list<i32> l = [1] }\nenum E { X = 2 }\ntypedef list<i32> L\n"
        "const A FIVE = {'a': 6}\nconst L SIX = [2]\nconst double SEVEN = 7\nconst bool EIGHT = 1",
    )
    assert module.ONE == module.A(5, module.E.X)
    assert module.TWO is module.E.X
    assert (module.THREE, module.SIX, module.SEVEN, module.EIGHT) == ([1], [2], 7.0, True)
    assert module.FOUR == module.A(e=module.E.X)
    assert module.FIVE.a == 6
    with pytest.raises(ConfigurationError, match=r"a.thrift:1: the constant ONE is no A: A has no field b"):
        loaded(tmp_path, 'const A ONE = {"b": 5} struct A { 1: i32 a }')


def test_constants_of_containers(tmp_path: Path) -> None:
    module = loaded(
        tmp_path,
        "struct A { 1: i32 a }\nenum E { X = 1 }\n"
        'const list<A> ONE = [{"a": 5}]\nconst map<E, list<A>> TWO = {E.X: [{"a": 6}]}\nconst set<E> THREE = [E.X]\n'
        "const set<A> NONE = []\nconst binary RAW = 'raw'\nconst list<list<E>> FOUR = [[1], []]\n"
        "const list<double> FIVE = [1, 0.5]",
    )
    assert module.ONE == [module.A(5)]
    assert module.TWO == {module.E.X: [module.A(6)]}
    assert next(iter(module.TWO)) is module.E.X
    assert {type(one) for one in module.THREE} == {module.E}
    assert (module.NONE, module.RAW) == (set(), b"raw")
    assert module.FOUR[0][0] is module.E.X
    assert [type(one) for one in module.FIVE] == [float, float]


def test_exceptions_say_what_they_hold() -> None:
    error = m.NotFound(name="x")
    error.add_note("seen in the attic")
    assert str(error) == "name='x', code=404"
    assert repr(m.Odd()) == "Odd(outcome=None, where=None)"
    assert error.outcome is Outcome.EXECUTED
    assert m.Odd(outcome=7).outcome == 7


def test_the_parameters_of_a_struct_may_be_called_anything(tmp_path: Path) -> None:
    module = loaded(tmp_path, "struct A { 1: list<i32> _unset = [1], 2: i32 _default1 = 2, 3: i32 __fresh = 3 }")
    value = module.A()
    assert (value._unset, value._default1, vars(value)["__fresh"]) == ([1], 2, 3)
    assert module.A(_unset=[2])._unset == [2]


def test_the_classes_are_thriftpy2s() -> None:
    value = m.Containers(colours=[m.Colour.RED, m.Colour(9)], shades={m.Colour.RED: []})
    body = thriftpy2_encode(value)
    assert thriftpy2_decode(m.Containers, body).colours == [1, 9]
    cython: Any = importlib.import_module("thriftpy2.protocol.cybin")
    memory: Any = importlib.import_module("thriftpy2.transport.memory")
    written = memory.TCyMemoryBuffer()
    cython.TCyBinaryProtocol(written).write_struct(value)
    assert written.getvalue() == body
    read = m.Containers()
    cython.TCyBinaryProtocol(memory.TCyMemoryBuffer(body)).read_struct(read)
    assert read == value


def test_structs_can_be_elements_and_keys() -> None:
    assert len({m.Point(1, 2), m.Point(1, 2), m.Point(1, 3)}) == 2


def test_thriftpy2_can_serve_and_call_with_them() -> None:
    """Its processor, with its pure and its compiled protocol, beside our bytes."""
    thriftpy2_thrift: Any = importlib.import_module("thriftpy2.thrift")
    binary: Any = importlib.import_module("thriftpy2.protocol.binary")
    memory: Any = importlib.import_module("thriftpy2.transport.memory")

    class Handler:
        def add(self, a: int, b: int) -> int:
            return a + b

    request = memory.TMemoryBuffer()
    out = binary.TBinaryProtocol(request)
    out.write_message_begin("add", 1, 5)
    out.write_struct(m.Everything.add_args(2, 3))
    reply = memory.TMemoryBuffer()
    processor = thriftpy2_thrift.TProcessor(m.Everything, Handler())
    processor.process(binary.TBinaryProtocol(memory.TMemoryBuffer(request.getvalue())), binary.TBinaryProtocol(reply))
    read = binary.TBinaryProtocol(memory.TMemoryBuffer(reply.getvalue()))
    assert read.read_message_begin() == ("add", 2, 5)
    body = reply.getvalue()[-len(b"\x0a\0\0" + bytes(8) + b"\0") :]
    assert thrift_service(m.Everything).methods["add"].decode_result(body) == 5
