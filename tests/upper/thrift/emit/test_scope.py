from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings

import callosum
from callosum import testing
from callosum.upper.thrift import load, load_string
from callosum.upper.thrift.codec import codec_of
from callosum.upper.thrift.emit.scope import (
    RUNTIME,
    Scope,
    Scopes,
    field_names,
    function_name,
    member_names,
    parameter_names,
)
from callosum.upper.thrift.idl.model import Document, Enum, Service, Struct
from callosum.upper.thrift.idl.reading import read, read_text
from callosum.upper.thrift.payload import Struct as Base
from callosum.upper.thrift.payload import Union
from callosum.upper.thrift.spec import StructType, struct_of
from tests.interop.expecting import received
from tests.services import run
from tests.upper.thrift.oracles import IDL, apache_encode, plain, structs

NAMES = IDL / "names" / "names.thrift"
"""Everything in it is called as what generated modules use."""
SOME = settings(
    max_examples=5,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def scope(text: str) -> Scope:
    return Scope(read_text(text).root)


def struct(text: str) -> Struct:
    (one,) = read_text(text).root.definitions
    assert isinstance(one, Struct)
    return one


# --- all at once ------------------------------------------------------------------------------------------------------


def classes(module: Any) -> list[type]:
    own = [one for one in vars(module).values() if isinstance(one, type) and one.__module__ == module.__name__]
    return [one for one in dict.fromkeys(own) if issubclass(one, Base | Union)]


def test_values_of_a_file_whose_names_are_all_taken_go_there_and_back() -> None:
    made = classes(load(NAMES))
    assert len(made) > 60
    for cls in made:

        @SOME
        @given(structs(cls))
        def check(value: Any) -> None:
            kind, codec = StructType(type(value)), codec_of(type(value))
            body = codec.encode(value)
            assert body == apache_encode(value)
            assert plain(kind, codec.decode(body)) == received(kind, kind, value)
            assert plain(kind, pickle.loads(pickle.dumps(value))) == plain(kind, value)

        check()


def test_what_the_file_says_is_what_the_names_mean() -> None:
    m: Any = load(NAMES)
    assert m.int(int=1, str=m.int(int=2)).str.int == 2
    assert (m.float().float, m.bytes().bytes, m.Bool().bool, m.Set().set) == (1.5, b"b", True, {1})
    assert m.tuple(tuple={(1, 2): "x"}).tuple[1, 2] == "x"
    assert m.object(property=[m.object(object=1)]).which == "property"
    assert m.TYPE_CHECKING(self=[1]).self == [1]
    assert m.TYPE_CHECKING(which_=1).which == "which_"
    assert m.Struct(3) == m.Struct(Struct=3, field=2)
    assert m.class_(class_=1, class__=2, class___=3).class___ == 3
    assert m.self(4, self=5).self == 5
    assert m.annotations_(annotations=1).annotations == 1
    assert (m.lambda_.name_, m.lambda_.name__) == (17, 1)
    assert repr(m.lambda_._order__) == "lambda_._order__"
    assert m.lambda_.lambda_ == 11
    assert m.yield_ is m.lambda_.value_
    assert m.list.Entry(Kind=m.list.Kind.A).Kind == 1
    assert m.typing.Final(Final="x").Final == "x"
    assert m.structs.Struct == 1
    error = m.Exception(args_="a", message="b", with_traceback_="c")
    assert str(error) == "args_='a', message='b', with_traceback_='c', add_note_='', _cause__=[]"
    assert error.args == ()
    assert m.ValueError("a", outcome=7).outcome == 7


def test_fields_that_have_thriftpy2s_names_keep_their_ids() -> None:
    m: Any = load(NAMES)
    named = {one.id: one.name for one in struct_of(m.match).fields}
    assert named == {
        1: "match",
        2: "case",
        3: "type",
        4: "read",
        5: "write",
        6: "thrift_spec__",
        7: "default_spec_",
        8: "thrift_spec_",
    }


def test_methods_of_any_name_are_called_and_served() -> None:
    m: Any = load(NAMES)

    async def first_argument(self: object, *arguments: Any) -> Any:
        return arguments[0] if arguments else None

    async def nothing(self: object, *arguments: Any) -> None: ...

    methods = callosum.service_of(m.lambdas_).methods.values()
    made = {one.python_name: nothing if one.returns == "void" else first_argument for one in methods}
    handler: Any = type("Handler", (m.lambdas_Handler,), made)

    async def main() -> None:
        async with testing.serve_in_memory([handler()]) as peer:
            stub = peer.stub(m.lambdas_)
            assert await stub.type(m.type(type=3)) == m.type(type=3)
            assert await stub.lambda_(lambdas={}) is m.lambda_.name__
            assert await stub.list() == m.list.Entry(list=1)
            assert await stub.Struct(_runtime=m._runtime_.Struct("x")) == m._runtime_.Struct("x")
            assert await stub.str(self_=m.builtins.str(int=m.builtins.int.str), cls=1) is not None
            assert await stub.object(m.object(object=1)) == m.object(object=1)
            assert await stub.bool(True) is True
            assert await stub.None_(m.None_(True_=1)) is None
            assert await stub.with_options_(1, 2, 3) is None
            await stub.class_(m.class_())

    run(main())


# --- one by one -------------------------------------------------------------------------------------------------------


def test_definitions_come_before_what_python_has() -> None:
    one = scope("struct int { 1: i32 str }")
    assert one.builtin("int") == "_builtins.int"
    assert one.builtin("str") == "_builtins.str"  # a class body would find the field
    assert one.builtin("bytes") == "bytes"
    assert one.typing("Final") == "Final"
    assert one.import_lines() == ["import builtins as _builtins", "from typing import Final"]


def test_what_is_imported_stands_in_order() -> None:
    one = scope("struct Protocol { 1: i32 UUID }")
    uses = [("uuid", "UUID"), ("typing", "Protocol"), ("typing", "Final"), ("abc", "ABC"), ("abc", "abstractmethod")]
    assert [one.use(*use) for use in uses] == ["_uuid.UUID", "_typing.Protocol", "Final", "ABC", "abstractmethod"]
    assert [one.runtime(name) for name in ("field", "Struct", "KW_ONLY")] == ["field", "Struct", "KW_ONLY"]
    assert one.import_lines() == [
        "import typing as _typing",
        "import uuid as _uuid",
        "from abc import ABC, abstractmethod",
        "from typing import Final",
        "",
        f"from {RUNTIME} import KW_ONLY, Struct, field",
    ]


def test_a_long_import_has_a_name_a_line() -> None:
    one = scope("")
    names = ["DeclaredException", "Enum", "Service", "Struct", "Stub", "Union", "arm", "field", "function", "oneway"]
    for name in names:
        one.runtime(name)
    assert one.import_lines() == [f"from {RUNTIME} import (", *(f"    {name}," for name in names), ")"]


def test_private_names_are_free() -> None:
    one = scope("struct int { 1: i32 _builtins } struct _typing {} struct Final { 1: i32 _typing_ }")
    assert one.builtin("int") == "_builtins_.int"
    assert one.typing("Final") == "_typing__.Final"
    assert one.builtin("int") == "_builtins_.int"


def test_a_type_that_is_called_as_a_field_has_a_private_name_in_annotations() -> None:
    one = scope("struct Point { 1: i32 x } struct Line { 1: Point Point, 2: i32 _Point } struct __a { 1: i32 _a }")
    assert one.annotation("Point") == "_Point_"
    assert one.aliased("Point") == ["_Point_ = Point"]
    assert one.annotation("Line") == "Line"
    assert one.aliased("Line") == []
    assert one.annotation("_a") == "_a_"


def test_a_service_has_classes_whose_names_are_free() -> None:
    one = scope("service Echo {} struct EchoStub {} struct EchoLike {} struct EchoLike_ {}")
    names = one.services["Echo"]
    assert (names.service, names.like, names.stub, names.handler) == ("Echo", "EchoLike__", "EchoStub_", "EchoHandler")
    made = ["Echo", "EchoLike__", "EchoStub_", "EchoBlockingStub", "EchoHandler"]
    assert one.public() == [*made, "EchoStub", "EchoLike", "EchoLike_"]


def test_definitions_may_be_called_as_what_modules_begin_with() -> None:
    one = scope("struct annotations {} struct __all__ {} struct __name__ {} struct class {}")
    assert list(one.definitions.values()) == ["annotations_", "_all__", "_name__", "class_"]


def test_includes_have_names_that_are_free(tmp_path: Path) -> None:
    for name in ("thing", "class", "a-b", "1st", "annotations"):
        (tmp_path / f"{name}.thrift").write_text("")
    text = "".join(f'include "{path.name}"\n' for path in sorted(tmp_path.iterdir())) + "struct thing {}"
    one = Scope(read_text(text, include_dirs=[tmp_path]).root)
    assert one.prefixes == {
        "1st": "_1st",
        "a-b": "a_b",
        "annotations": "annotations_",
        "class": "class_",
        "thing": "thing_",
    }


def test_names_of_fields() -> None:
    assert field_names(struct("struct A { 1: i32 thrift_spec, 2: i32 args, 3: i32 which, 4: i32 class }")) == {
        "thrift_spec": "thrift_spec_",
        "args": "args",
        "which": "which",
        "class": "class_",
    }
    assert field_names(struct("exception A { 1: i32 args, 2: i32 message }")) == {"args": "args_", "message": "message"}
    assert field_names(struct("union A { 1: i32 which, 2: i32 which_ }")) == {"which": "which__", "which_": "which_"}


def test_names_of_members() -> None:
    (one,) = read_text("enum A { name, value, mro, _order_, _sunder_, a, None, _ }").root.definitions
    assert isinstance(one, Enum)
    assert list(member_names(one).values()) == [
        "name_", "value_", "mro_", "_order__", "_sunder__", "a", "None_", "__",
    ]  # fmt: skip


def test_names_of_functions_and_parameters() -> None:
    names = [function_name(one) for one in ("say", "with_options", "_peer", "import", "self")]
    assert names == ["say", "with_options_", "_peer_", "import_", "self"]
    (one,) = read_text("service S { void f(1: i32 self, 2: i32 in, 3: i32 cls) }").root.definitions
    assert isinstance(one, Service)
    assert list(parameter_names(one.functions[0].parameters).values()) == ["self_", "in_", "cls"]


def test_the_way_to_a_file_may_lead_through_others(tmp_path: Path) -> None:
    (tmp_path / "c.thrift").write_text('include "b.thrift" struct C {}')
    (tmp_path / "b.thrift").write_text('include "c.thrift" struct B {}')
    (tmp_path / "a.thrift").write_text('include "b.thrift" struct A { 1: i32 b }')
    program = read(tmp_path / "a.thrift")
    scopes = Scopes(program)
    by_stem: dict[str, Document] = {one.stem: one for one in program.documents}
    a, b, c = (by_stem[name] for name in "abc")
    assert scopes.path(a, c) == "_b.c"  # the field would hide the module
    assert scopes.path(b, c) == "c"
    assert scopes.path(c, a) is None
    assert scopes.is_circular(b, c)
    assert scopes.is_circular(c, b)
    assert not scopes.is_circular(a, b)
    assert not scopes.is_circular(a, a)
    assert scopes.of(a) is scopes.of(a)


@pytest.mark.parametrize("word", ["self", "cls", "args", "kwargs", "given", "values", "cls_", "which", "name"])
def test_a_field_may_be_called_as_what_constructors_use(word: str) -> None:
    m: Any = load_string(f"struct A {{ 1: required i32 {word} }} union B {{ 1: i32 {word} }}")
    assert getattr(m.A(**{word: 3}), word) == 3
    name = "which_" if word == "which" else word
    assert m.B(**{name: 3}).which == name
