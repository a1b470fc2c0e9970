from __future__ import annotations

import pytest

from callosum.errors import ConfigurationError
from callosum.upper.thrift.outline import clean_doc, read_outline

TEXT = """
include "a.thrift" /* include "no.thrift" */
// struct No {}
# struct No {}
namespace * all
namespace py my.mod
cpp_include "x.h"
const string SEVERAL = "struct No { }"
const map<string, list<i32>> M = {"struct": [1, 2]}
typedef map<string (a = "b"), i32> T (c = "d")
/** A's doc. */
struct A { 1: string (x = "y") a = "}", 2: B b (callosum.key = "k") }
/**/
enum E { X = 1 (a = "b"), Y }
/** one */ /** S's doc
 *
 *  - indented
 */
service S extends a.Base {
    /** f's doc */
    oneway void f(1: i32 x) (callosum.idempotent = "true", callosum.nothing),
    string (p = "q") g() throws (1: X /** not h's */ x);
    list<i32> h(1: callosum.T t)
}
union U { 1: i32 a } exception X {}
{ stray }
"""


def test_definitions_with_lines_and_docs() -> None:
    outline = read_outline(TEXT, "t.thrift")
    found = [(one.kind, one.name, one.line, one.doc) for one in outline.definitions]
    first = TEXT[: TEXT.index("const string")].count("\n") + 1
    last = TEXT[: TEXT.index("union")].count("\n") + 1
    assert found == [
        ("const", "SEVERAL", first, ""),
        ("const", "M", first + 1, ""),
        ("typedef", "T", first + 2, ""),
        ("struct", "A", first + 4, "A's doc."),
        ("enum", "E", first + 6, ""),
        ("service", "S", first + 11, "S's doc\n\n - indented"),
        ("union", "U", last, ""),
        ("exception", "X", last, ""),
    ]
    assert [one.type for one in outline.definitions][:3] == [
        ("string",),
        ("map", "<", "string", ",", "list", "<", "i32", ">", ">"),
        ("map", "<", "string", ",", "i32", ">"),
    ]


def test_functions_have_their_docs() -> None:
    service = next(one for one in read_outline(TEXT, "t.thrift").definitions if one.kind == "service")
    assert service.function_docs == {"f": "f's doc", "g": "", "h": ""}


def test_includes_and_namespaces() -> None:
    outline = read_outline(TEXT, "t.thrift")
    assert outline.namespaces == {"*": "all", "py": "my.mod"}
    (one,) = outline.includes
    assert (one.path, one.line, TEXT[one.start : one.end]) == ("a.thrift", 2, 'include "a.thrift"')


def test_annotations_of_ours_and_no_types() -> None:
    names = [name for name, _ in read_outline(TEXT, "t.thrift").annotations]
    assert names == ["callosum.key", "callosum.idempotent", "callosum.nothing"]
    at_the_end = read_outline("typedef i32 T (callosum.key", "t.thrift").annotations
    assert at_the_end == []


@pytest.mark.parametrize(
    "text",
    ["", "struct", "struct A", "struct A {", "service S extends", "include", "const", "}", "typedef list<", '"', "(("],
)
def test_unfinished_text_is_read_to_its_end(text: str) -> None:
    read_outline(text, "t.thrift")


@pytest.mark.parametrize("name", ["None", "True", "False", "async", "await", "nonlocal"])
def test_names_at_which_thriftpy2_gives_up(name: str) -> None:
    for text in (
        f"struct A {{\n1: i32 {name} }}",
        f"exception A {{\n{name} }}",
        f"service A {{\nvoid f(1: i32 {name}) }}",
    ):
        with pytest.raises(ConfigurationError, match=rf"t\.thrift:2: a field or parameter of A is called {name}"):
            read_outline(text, "t.thrift")
    read_outline(f"enum A {{ {name} }} service S {{ void {name}() }} struct {name} {{}}", "t.thrift")


def test_what_is_defined_twice() -> None:
    with pytest.raises(ConfigurationError, match="A is defined at lines 1, 3"):
        read_outline("struct A {}\n\nunion A {}", "t.thrift")


def test_docs_lose_their_marks() -> None:
    assert clean_doc("") == ""
    assert clean_doc("/** one line */") == "one line"
    assert clean_doc("/**\n * two\n *   lines  \n */") == "two\n  lines"
