from __future__ import annotations

import copy
import dataclasses
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from callosum.errors import ConfigurationError
from callosum.upper.thrift import load, load_string
from callosum.upper.thrift.codec import codec_of
from callosum.upper.thrift.service import thrift_service
from tests.upper.thrift.oracles import IDL


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def fault(path: Path | str, **options: Any) -> str:
    with pytest.raises(ConfigurationError) as caught:
        load(path, **options)
    return str(caught.value)


def test_the_first_page_works() -> None:
    echo: Any = load(str(IDL / "echo.thrift"))
    reply = echo.Echoed(message="hello", length=5)
    assert (reply.message, reply.length) == ("hello", 5)
    assert str(echo.EmptyMessage(reason="nothing to say")) == "reason='nothing to say'"
    assert echo.__name__ == "thrift_echo"
    assert list(thrift_service(echo.Echo).methods) == ["say", "poke"]


def test_a_relative_path_is_one_from_the_working_directory(here: Path) -> None:
    write(here / "a.thrift", "struct A {}")
    assert (
        load("a.thrift") is load(Path("a.thrift")) is load(here / "a.thrift") is load("../" + here.name + "/a.thrift")
    )
    assert fault("b.thrift") == f"b.thrift: the file does not exist: looked for it as {here / 'b.thrift'}"
    assert "the file is a folder" in fault(here)


def test_the_same_content_is_the_same_module_and_a_new_one_is_not(here: Path) -> None:
    write(here / "b.thrift", "struct B { 1: i32 a }")
    path = write(here / "renewed.thrift", 'include "b.thrift" struct A { 1: b.B b }')
    first: Any = load(path)
    (here / "link.thrift").symlink_to(path)
    assert load(here / "link.thrift") is first
    write(here / "b.thrift", "struct B { 1: i64 a }")
    second: Any = load(path)
    assert second is not first
    assert second.__name__ == first.__name__ == "renewed_thrift"
    assert codec_of(second.A).encode(second.A(b=second.b.B(a=1))) != codec_of(first.A).encode(first.A(b=first.b.B(a=1)))
    assert sys.modules[second.__name__] is second


def test_files_of_one_name_are_modules_of_their_own() -> None:
    module: Any = load(IDL / "including.thrift", [IDL / "other"])
    assert module.common.Thing is not module.shared.common.Thing
    thing = module.common.Thing(name="n", kind=module.common.Kind.SMALL)
    other = module.shared.Thing(inner=module.shared.common.Thing(number=5))
    holder = module.Holder(thing=thing, other=other)
    assert holder.kind is module.common.Kind.BIG
    assert codec_of(module.Holder).decode(codec_of(module.Holder).encode(holder)) == holder
    service = thrift_service(module.Holding)
    assert [base.name for base in service.bases] == ["Things"]
    assert load(IDL / "nested" / "common.thrift") is module.common
    assert list(module.__thrift_includes__.values()) == [module.common, module.shared]


def test_includes_that_are_missing_or_ambiguous(here: Path) -> None:
    write(here / "missing.thrift", '\ninclude "none.thrift"')
    assert fault("missing.thrift", include_dirs=["more"]) == (
        "missing.thrift:2:1: the included file 'none.thrift' is not there: looked for it in ., more"
    )
    write(here / "x" / "c.thrift", "struct C {}")
    write(here / "y" / "c.thrift", "struct C { 1: i32 a }")
    write(here / "two.thrift", 'include "x/c.thrift"\ninclude "y/c.thrift"')
    assert "two.thrift:2:1: " in fault("two.thrift")


def test_files_may_include_one_another(here: Path) -> None:
    write(
        here / "p.thrift",
        'include "q.thrift"\nenum Size { S, L }\nstruct P { 1: q.Q q, 2: q.Kind k = q.Kind.B }\ntypedef list<q.Q> Qs',
    )
    write(
        here / "q.thrift",
        'include "p.thrift"\nenum Kind { A, B }\nstruct Q { 1: list<p.P> ps, 2: p.Size s = p.Size.L }\n'
        "typedef p.P Other\nservice S { Other get(1: p.Size s) }",
    )
    p: Any = load("p.thrift")
    value = p.P(q=p.q.Q(ps=[p.P()]))
    assert (value.k, value.q.s) == (p.q.Kind.B, p.Size.L)
    assert codec_of(p.P).decode(codec_of(p.P).encode(value)) == value
    assert load("q.thrift") is p.q
    assert thrift_service(p.q.S).describe() == "service S\n    get(s: Size) -> P"


def test_a_circle_that_has_no_beginning_is_said_to_be_one(here: Path) -> None:
    write(here / "u.thrift", 'include "v.thrift"\nservice U extends v.V {}\nservice W {}')
    write(here / "v.thrift", 'include "u.thrift"\nservice V extends u.W {}')
    assert "include one another in a circle" in fault("u.thrift")
    assert not {"u_thrift", "v_thrift"} & sys.modules.keys()


def test_a_file_with_other_includes_of_the_same_content_is_another_module(here: Path) -> None:
    write(here / "a.thrift", 'include "b.thrift" struct A { 1: b.B b }')
    for folder in ("x", "y"):
        write(here / folder / "b.thrift", "struct B {}")
    x, y = load("a.thrift", ["x"]), load("a.thrift", ["y"])
    assert x is not y
    assert y.b is load("y/b.thrift")
    assert load("a.thrift", ["x"]) is x


def test_include_dirs_is_a_list() -> None:
    assert "give a list of folders" in fault(IDL / "echo.thrift", include_dirs="somewhere")


def test_files_that_cannot_be_read(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (here / "latin.thrift").write_bytes(b"// \xff")
    assert "latin.thrift:1:4: the byte 0xff is not UTF-8" in fault("latin.thrift")
    write(here / "secret.thrift", "")

    def refuse(*_: object, **__: object) -> bytes:
        raise PermissionError("not for you")

    monkeypatch.setattr(Path, "read_bytes", refuse)
    assert "not for you" in fault("secret.thrift")


def test_a_byte_order_mark_is_no_fault(here: Path) -> None:
    (here / "mark.thrift").write_bytes(b"\xef\xbb\xbfstruct A {}")
    assert load("mark.thrift").A()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "struct A {\n  1: i32 a b\n}",
            "bad.thrift:3:1: expected the name of a field (a field is written as 1: i32 name), found '}'",
        ),
        (
            "struct A {\n  1: i32 a",
            "bad.thrift:2:11: the file ends here, and struct A in line 1 is still open: its } is missing",
        ),
        ("struct A {\n 1: B b }", "bad.thrift:2:5: there is no type B"),
        ("enum A { X = 4294967296 }", "bad.thrift:1:10: the value of A.X, 4294967296, does not fit into 32 bits"),
        ("struct A { 1: i8 a = 1000 }", "bad.thrift:1:22: 1000 does not fit into i8"),
        ("const i32 A = B", "bad.thrift:1:15: nothing is called 'B'"),
        ('struct A { 1: i32 a } (callosum.reserved = "a")', "bad.thrift:1:24: A: a (id 1) is reserved"),
        ('struct A {} (callosum.nonsense = "a")', "A: callosum has no annotation callosum.nonsense at this place"),
        ('struct A {} (callosum.frozen = "yes")', 'A: callosum.frozen = \'yes\': write "true" or "false"'),
        (
            'service S { void a() (callosum.stream = "server") }',
            "bad.thrift:1:23: S.a streams what it returns, and that",
        ),
        (
            'service S { void a(1: string x (callosum.stream = "in")) }',
            'bad.thrift:1:33: S.a.x is "in", and the caller',
        ),
        (
            'service S {\n string (callosum.stream = "server") a() }',
            "bad.thrift:2:10: the type of S.a: callosum has no annotation callosum.stream",
        ),
        ('enum A { X } (callosum.name = "Y")', "bad.thrift:1:15: A: callosum has no annotation callosum.name at this"),
        ("enum A { X (callosum.key) }", "bad.thrift:1:13: A.X: callosum has no annotation callosum.key at this place"),
        ("typedef i32 A (callosum.key)", "bad.thrift:1:16: A: callosum has no annotation callosum.key at this place"),
        ('namespace py a (callosum.key = "x")', "bad.thrift:1:17: namespace py: callosum has no annotation"),
        ("const map<i32, i32 (callosum.key)> A = {}", "the type of A: callosum has no annotation callosum.key"),
        ('service S {} (callosum.name = "a", callosum.name = "b")', "bad.thrift:1:15: callosum.name stands here twice"),
        ('service S {} (callosum.encoding = "xml")', "bad.thrift:1:15: S: callosum.encoding = 'xml': there is"),
        ("service S { void from(), void from_() }", "S: from and from_ would both be from_ in Python: rename one"),
    ],
)
def test_faults_say_where_and_what(here: Path, text: str, message: str) -> None:
    write(here / "bad.thrift", text)
    assert message in fault("bad.thrift")


def test_annotations_where_they_mean_something(here: Path) -> None:
    text = (
        "struct A { 1: i32 a (cpp.type = 'int') } (callosum.reserved = '2-4')\n"
        "service S { void a(1: string x) (callosum.key = 'x', callosum.idempotent = 'true') } (callosum.name = 'my.S')"
    )
    module: Any = load(write(here / "annotated.thrift", text))
    service = thrift_service(module.S)
    assert (service.name, service.methods["a"].key, service.methods["a"].idempotent) == ("my.S", "x", True)


def test_a_file_with_faults_can_be_corrected(here: Path) -> None:
    path = write(here / "a.thrift", "struct A { 1: B b }")
    fault(path)
    write(path, "struct A { 1: B b } struct B {}")
    assert load(path).A()


def test_namespaces_of_ours_are_no_annotations(here: Path) -> None:
    write(here / "callosum.thrift", "struct T {} enum E { X } service S {}")
    module: Any = load(
        write(
            here / "a.thrift",
            'include "callosum.thrift"\n'
            "struct A { callosum.T t, 1: callosum.E e = callosum.E.X, 2: map<callosum.E, callosum.T> m }\n"
            "service B extends callosum.S { callosum.T a(1: callosum.T t, callosum.E e) }",
        )
    )
    assert module.A().e == 0


# --- names and pickles -----------------------------------------------------------------------------------------------


def test_instances_can_be_pickled() -> None:
    m: Any = load(IDL / "everything.thrift")
    values = [
        m.Point(1, 2),
        m.Shape(name="x"),
        m.Colour.RED,
        m.Everything.add_args(a=1, b=2),
        codec_of(m.Point).decode(codec_of(m.Point).encode(m.Point(3, 4))),
    ]
    for value in values:
        assert pickle.loads(pickle.dumps(value)) == value
    unknown = pickle.loads(pickle.dumps(m.Colour(77)))
    assert (unknown, unknown.name) == (77, "UNKNOWN_77")
    error = pickle.loads(pickle.dumps(m.NotFound(name="x", code=5)))
    assert (type(error), error.name, error.code) == (m.NotFound, "x", 5)


def test_a_pickle_is_read_by_another_process_that_loads_the_file() -> None:
    m: Any = load(IDL / "everything.thrift")
    program = (
        "import pickle, sys\nfrom callosum.upper.thrift import load\n"
        f"load({str(IDL / 'everything.thrift')!r})\n"
        "print(pickle.loads(sys.stdin.buffer.read()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], input=pickle.dumps(m.Point(1, 2)), capture_output=True, timeout=30, check=True
    )
    assert done.stdout.decode().strip() == "Point(x=1, y=2)"


def test_modules_do_not_take_the_names_of_others(here: Path) -> None:
    assert load(write(here / "json.thrift", "namespace py json")).__name__ == "json_thrift"
    assert load(write(here / "a.thrift", "namespace py my.own")).__name__ == "my_own"
    assert load(write(here / "x" / "a.thrift", "namespace py my.own\nstruct B {}")).__name__ == "my_own_thrift"
    one, two, three, four = (
        load(write(here / f"{n}" / "same-name.thrift", f"struct A {{ 1: i32 a{n // 2} }}")).__name__ for n in range(4)
    )
    assert one == "same_name_thrift"
    assert len({one, two, three, four}) == 4
    assert all(name.startswith("same_name_thrift_") for name in (two, three, four))
    same = [load(write(here / folder / "copied.thrift", "struct A {}")).__name__ for folder in "pqr"]
    assert len(set(same)) == 3


def test_a_module_name_is_what_was_asked_for(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(here / "a.thrift", "struct A { 1: i32 a }")
    module: Any = load(path, module_name="callosum_test_named")
    assert module.A.__module__ == module.__name__ == "callosum_test_named"
    assert load(path, module_name="callosum_test_other") is sys.modules["callosum_test_other"] is module
    assert "there is another module of that name" in fault(path, module_name="json")
    assert load(path, module_name="json.callosum_test_inner") is module
    assert pickle.loads(pickle.dumps(module.A(a=1))) == module.A(a=1)
    assert load(path, module_name="callosum_test_named") is module
    assert "nowhere cannot be imported" in fault(path, module_name="nowhere.a")


def test_a_frozen_struct_arrives_and_stays_as_it_is() -> None:
    module: Any = load_string(
        "struct Spot { 1: required i32 x, 2: list<i32> more } (callosum.frozen = 'true')"
        "struct Place { 1: Spot spot = {'x': 5} }"
        "service Map { Spot move(1: Spot spot, 2: list<Spot> others) }"
    )
    assert module.Place().spot == module.Spot(5)
    spot = module.Spot(1, more=[2])
    (method,) = thrift_service(module.Map).methods.values()
    assert len(method.codecs) == 3
    for codec in method.codecs.values():
        arrived, others = codec.decode_args(codec.encode_args(spot, [spot]))
        assert arrived == others[0] == spot
        assert codec.decode_result(codec.encode_result(spot)) == spot
        for name in ("x", "more", "weight"):
            with pytest.raises(dataclasses.FrozenInstanceError, match=f"Spot.{name}: the IDL says that it is frozen"):
                setattr(arrived, name, 3)
        with pytest.raises(dataclasses.FrozenInstanceError):
            del arrived.x
    assert pickle.loads(pickle.dumps(spot)) == copy.deepcopy(spot) == dataclasses.replace(spot) == spot
