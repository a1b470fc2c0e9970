from __future__ import annotations

import ast

import pytest

from callosum.upper.thrift.emit.services import service_lines
from callosum.upper.thrift.idl.model import Service
from tests.upper.thrift.emit.emitting import named, writer


def service(text: str) -> str:
    made = writer(text)
    return "\n".join(service_lines(made, named(made, "S", Service)))


def signature(function: str) -> str:
    """The line of a method in the class of what stub and handler both have."""
    made = service(f"enum E {{ X }} struct A {{ 1: i32 a }} exception Bad {{}} service S {{ {function} }}")
    return made.split("@abstractmethod\n")[1].split("\n\n")[0].strip()


def row(function: str) -> str:
    """The line of the table."""
    made = service(f"enum E {{ X }} struct A {{ 1: i32 a }} exception Bad {{}} service S {{ {function} }}")
    return made.split("thrift_functions = (\n")[1].rpartition("\n    )")[0].strip()


def test_a_service_is_five_classes() -> None:
    assert service("service S {}") == (
        "class SLike(Protocol):\n"
        '    """The methods of S, as its stub and its handler have them."""\n'
        "\n\n"
        "class SStub(SLike, Stub, Protocol):\n"
        '    """Calls S on a peer: what ``peer.stub(S)`` returns."""\n'
        "\n\n"
        "class SBlockingStub(Stub, Protocol):\n"
        '    """Calls S, and waits: what ``stub(S)`` of a `callosum.blocking` peer returns."""\n'
        "\n\n"
        "class SHandler(SLike, ABC):\n"
        '    """Serves S: derive from it, and give an instance to ``listen()``."""\n'
        "\n\n"
        "class S(Service[SStub, SBlockingStub], handler=SHandler):\n"
        "    thrift_functions = ()"
    )


def test_one_that_extends_derives_from_the_classes_of_the_other() -> None:
    text = service("service Base {} service S extends Base {}")
    for head in (
        "class SLike(BaseLike, Protocol):",
        "class SStub(SLike, BaseStub, Protocol):",
        "class SBlockingStub(BaseBlockingStub, Protocol):",
        "class SHandler(SLike, BaseHandler):",
        "class S(Service[SStub, SBlockingStub], handler=SHandler, extends=Base):",
    ):
        assert head in text


@pytest.mark.parametrize(
    ("function", "line"),
    [
        ("void f()", "async def f(self) -> None: ..."),
        ("i32 f(1: string a)", "async def f(self, a: str) -> int: ..."),
        ("A f(1: A a, 2: E e = E.X)", "async def f(self, a: A, e: E = E.X) -> A: ..."),
        ("list<A> f(1: list<i32> a = [1])", "async def f(self, a: list[int] = ...) -> list[A]: ..."),
        ("void f(1: i32 a = 1, 2: i32 b)", "async def f(self, a: int, b: int) -> None: ..."),
        ("void f(1: i32 a = 1, 2: i32 b = 2)", "async def f(self, a: int = 1, b: int = 2) -> None: ..."),
        ("oneway void f(1: i32 self)", "async def f(self, self_: int) -> None: ..."),
        ("void import(1: i32 class)", "async def import_(self, class_: int) -> None: ..."),
        ("void with_options()", "async def with_options_(self) -> None: ..."),
    ],
)
def test_methods(function: str, line: str) -> None:
    assert signature(function) == line


@pytest.mark.parametrize(
    ("function", "line"),
    [
        ("A f(1: A a, 2: E e = E.X)", "def f(self, a: A, e: E = E.X) -> A: ..."),
        ("oneway void f(1: i32 self)", "def f(self, self_: int) -> None: ..."),
        ("void with_options()", "def with_options_(self) -> None: ..."),
    ],
)
def test_methods_that_block(function: str, line: str) -> None:
    made = service(f"enum E {{ X }} struct A {{ 1: i32 a }} service S {{ {function} }}")
    blocking = made.split("class SBlockingStub(Stub, Protocol):\n")[1].split("\n\n\n")[0]
    assert blocking.split("\n\n")[1].strip() == line


@pytest.mark.parametrize(
    ("function", "line"),
    [
        ("void f()", 'function("f", "void"),'),
        ("list<A> f(1: string a)", 'function("f", "list<A>", parameter(1, "a", "string")),'),
        ("i32 f(1: required i32 a)", 'function("f", "i32", required_parameter(1, "a", "i32")),'),
        ("i32 f(1: i32 a = 5)", 'function("f", "i32", parameter(1, "a", "i32", default=5)),'),
        ("void import(1: i32 class)", 'function("import", "void", parameter(1, "class_", "i32")),'),
        ("oneway void f()", 'oneway("f"),'),
        ("void f() throws (1: Bad x)", 'function("f", "void", throws=(thrown(1, "x", "Bad"),)),'),
        (
            "void f() throws (1: Bad x, 2: Bad y)",
            'function("f", "void", throws=(thrown(1, "x", "Bad"), thrown(2, "y", "Bad"))),',
        ),
        (
            'void f() (callosum.timeout = "1.5", other = "x")',
            'function("f", "void", annotations={"callosum.timeout": "1.5"}),',
        ),
        (
            'oneway void f(1: i32 in) (callosum.key = "in")',
            'oneway("f", parameter(1, "in_", "i32"), annotations={"callosum.key": "in_"}),',
        ),
    ],
)
def test_rows_of_the_table(function: str, line: str) -> None:
    assert row(function) == line


IN = '(callosum.stream = "in")'


@pytest.mark.parametrize(
    ("function", "both", "stub"),
    [
        (
            'A f(1: string a) (callosum.stream = "server")',
            "def f(self, a: str) -> AsyncIterator[A]: ...",
            "def f(self, a: str) -> ReceiveStream[A]: ...",
        ),
        (
            f'A f(1: i32 a = 1, 2: binary b {IN}) (callosum.stream = "client")',
            "async def f(self, a: int, b: AsyncIterator[bytes]) -> A: ...",
            "async def f(self, a: int, b: AsyncIterable[bytes]) -> A: ...",
        ),
        (
            f'void f(1: E class {IN}) (callosum.stream = "client")',
            "async def f(self, class_: AsyncIterator[E]) -> None: ...",
            "async def f(self, class_: AsyncIterable[E]) -> None: ...",
        ),
        (
            f'list<A> f(1: i32 a = 1, 2: A b {IN}) (callosum.stream = "bidi")',
            "def f(self, a: int, b: AsyncIterator[A]) -> AsyncIterator[list[A]]: ...",
            "def f(self, a: int = 1, b: AsyncIterable[A] | None = None) -> BidiStream[A, list[A]]: ...",
        ),
        (
            f'A f(1: A b {IN}, 2: i32 a) (callosum.stream = "bidi")',
            "def f(self, b: AsyncIterator[A], a: int) -> AsyncIterator[A]: ...",
            "def f(self, b: AsyncIterable[A] | None, a: int) -> BidiStream[A, A]: ...",
        ),
        (
            'A f(1: i32 a) (streaming.mode = "bidirectional")',
            "def f(self, a: AsyncIterator[int]) -> AsyncIterator[A]: ...",
            "def f(self, a: AsyncIterable[int] | None = None) -> BidiStream[int, A]: ...",
        ),
    ],
)
def test_methods_that_stream_have_a_second_type_in_the_stub(function: str, both: str, stub: str) -> None:
    made = service(f"enum E {{ X }} struct A {{ 1: i32 a }} service S {{ {function} }}")
    like, _, rest = made.partition("class SStub")
    stubs, _, handler = rest.partition("class SHandler")
    for text, line in ((like, both), (stubs, stub)):
        assert text.split("@abstractmethod\n")[1].split("\n\n")[0].strip() == line
    assert "def f(" not in handler


def test_what_streams_not_stands_once_beside_the_blocking_stub() -> None:
    made = service(
        'struct A {} service S { A f() A g() (callosum.stream = "server") A h() (streaming.mode = "unary") }'
    )
    assert [made.count(f"def {name}(") for name in "fgh"] == [2, 3, 2]  # once more, in the blocking stub


@pytest.mark.parametrize(
    ("function", "line"),
    [
        ('i32 f() (callosum.stream = "server")', 'function("f", "i32", annotations={"callosum.stream": "server"}),'),
        (
            f'void f(1: i32 a {IN}) (callosum.stream = "client")',
            'function(|"f",|"void",|stream(parameter(1, "a", "i32")),|annotations={"callosum.stream": "client"},|),',
        ),
        (
            'i8 f(1: required i8 a) (streaming.mode="bidi")',
            'function(|"f",|"i8",|stream(required_parameter(1, "a", "i8")),|annotations={"streaming.mode": "bidi"},|),',
        ),
    ],
)
def test_rows_of_methods_that_stream(function: str, line: str) -> None:
    assert "|".join(one.strip() for one in row(function).split("\n")) == line


def test_annotations_and_names_of_a_service() -> None:
    assert 'annotations={"callosum.name": "my.S"}' in service('service S {} (callosum.name = "my.S", x = "y")')
    made = writer("service class {}")
    assert 'name="class"' in "\n".join(service_lines(made, named(made, "class", Service)))


@pytest.mark.parametrize(
    ("written", "value"),
    [('"it\'s"', "it's"), ("'a \"b\"'", 'a "b"'), ('"back\\\\slash"', "back\\slash"), ('"it\'s \\"b\\""', 'it\'s "b"')],
)
def test_annotations_may_have_any_text(written: str, value: str) -> None:
    parsed = ast.parse(row(f"void f() (callosum.timeout = {written})").removesuffix(","), mode="eval").body
    assert isinstance(parsed, ast.Call)
    assert ast.literal_eval(parsed.keywords[0].value) == {"callosum.timeout": value}


def test_docs() -> None:
    text = (
        "/** Refuses. */ exception X {} exception Y {}\n"
        "/** Serves. */ service S { /** Does.\n * More. */ void f(/** One. */ 1: i32 class, 2: i32 b)"
        " throws (1: X x, /** Sometimes. */ 2: X again, 3: Y y) }"
    )
    made = service(text)
    doc = made.split('"""')[3]
    assert [line.strip() for line in doc.strip().split("\n")] == [
        "Does.",
        "More.",
        "",
        "Args:",
        "class_: One.",
        "",
        "Raises:",
        "X: Refuses.",
        "X: Sometimes.",
        "Y: The interface declares it.",
    ]
    assert made.rpartition("class S(")[2].split('"""')[1] == "Serves."


def test_a_service_that_is_called_as_a_method_has_a_second_name() -> None:
    assert service("service S { void S() }").endswith("\n\n\n_S = S")
