"""Texts of .thrift files to checked programs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from callosum.upper.thrift.idl.faults import IdlError
from callosum.upper.thrift.idl.model import Program
from callosum.upper.thrift.idl.reading import read_text
from fuzz.target import Bomb, Target

_FOLDER: Final = Path(__file__).parents[2] / "tests" / "interop" / "idl"
_FILES: Final = ("baseplate/baseplate", "impyla/Metrics", "impyla/fb303", "impyla/Types", "impyla/beeswax")
"""Of those that others wrote: these do not change."""
_TEXTS: Final = {
    "constants": (
        'enum E { A = -1, B } struct P { 1: required i32 x = 0x1F, 2: map<string, list<E>> m = {"a": [E.A; E.B]} }\n'
        'union U { P p; i8 b }\nconst P X = {"x": Y}\nconst i32 Y = +7\nconst set<double> S = [1, .5, -2e3]\n'
        "const U V = {'b': true}\nconst uuid W = '00112233-4455-6677-8899-aabbccddeeff'"
    ),
    "services": (
        'namespace * a.b\nnamespace py c (uri = "x")\n/** doc */ exception X { string why }\n'
        "service A { oneway void f(1: i32 a), X g(i32 a = 4) throws (1: X x) (b.c) }\n# end\nservice B extends A {}"
    ),
    "escapes": "/**\n * a\n *  b\n */\nconst string S = \"a\\t\\n\\\\ \\\"'\" // c\nconst binary B = 'Zürich'",
    "noise": (
        'cpp_include "<x>" struct S xsd_all { 1: i32 & a xsd_optional xsd_nillable xsd_attrs { 1: i32 q } (a = "b") }'
        "typedef map cpp_type 'm' <i8, set<list<byte> cpp_type \"l\">> M (x)"
    ),
}
_LARGEST: Final = 64 * 1024
"""Bytes of the largest bomb: nobody has .thrift files of megabytes."""


def decode(data: bytes) -> Program:
    """The program; bytes that are no text are half surrogates, as in no text."""
    return read_text(data.decode(errors="surrogateescape"), path="fuzz.thrift")


def seeds() -> Mapping[str, bytes]:
    """Files that others wrote, and what they have not."""
    files = {Path(one).stem.lower(): (_FOLDER / f"{one}.thrift").read_bytes() for one in _FILES}
    return files | {name: text.encode() for name, text in _TEXTS.items()}


_REPEATED: Final = {
    "braces": "{", "brackets": "[", "angles": "<", "parentheses": "(", "quotes": '"', "open comments": "/*",
    "stars": "*", "docs": "/***/", "doc comments": "/** a */", "newlines": "\n", "backslashes": "\\",
    "dots": ".", "names": "a ",
    "no text": "\udc80", "nul": "\0", "structs": "struct a{}", "bad structs": "struct ", "typos": "strcut a{}\n",
    "hashes": "#\n", "signs": "+-", "digits": "9", "words": "list ", "separators": ",;",
}  # fmt: skip
_WITHIN: Final = {
    "fields": ("struct S {", "{0}:i8 a{0} ", "}"),
    "implicit fields": ("struct S {", "i8 a{0} ", "}"),
    "fields of one name": ("struct S {", "{0}:i8 a ", "}"),
    "fields of one id": ("struct S {", "1:i8 a{0} ", "}"),
    "unknown types": ("struct Sa {} struct S {", "{0}:Sb{0} a{0} ", "}"),
    "members": ("enum E {", "a{0} ", "}"),
    "members of one name": ("enum E {", "a ", "}"),
    "functions": ("service S {", "i8 a{0}() ", "}"),
    "functions of one name": ("service S {", "i8 a() ", "}"),
    "types in types": ("typedef ", "list<", "i8"),
    "values in values": ("const i8 a = ", "[", ""),
    "maps in maps": ("const i8 a = ", "{1:", ""),
    "attributes in attributes": ("struct S {", "i8 a xsd_attrs {", ""),
    "a list": ("const list<i8> A = [", "1,", "]"),
    "a list of text": ("const list<i8> A = [", "'',", "]"),
    "a set": ("const set<i32> A = [", "{0},", "]"),
    "a set of one": ("const set<i32> A = [", "1,", "]"),
    "a long text": ("const string A = '", "\\n", "'"),
    "a long bad text": ("const string A = '", "\\x", "'"),
    "unknown constants": ("const i8 Ab = 1 const list<i8> A = [", "Ab{0},", "]"),
    "unknown fields": ("struct P {i8 ab} const P A = {", "'ab{0}':1,", "}"),
    "a chain of typedefs": ("typedef i8 a0 ", "typedef a{0} a{1}\n", ""),
    "a chain of typedefs, backwards": ("", "typedef a{1} a{0}\n", ""),
    "a circle of typedefs": ("", "typedef a{1} a{0}\n", "typedef a0 a{0}"),
    "wide typedefs": ("typedef i8 a0 ", "typedef map<a{0},a{0}> a{1}\n", "const a{0} x = {}"),
    "a chain of constants": ("const i8 a0=1 ", "const i8 a{1}=a{0}\n", ""),
    "a chain of constants, backwards": ("", "const i8 a{0}=a{1}\n", "const i8 a{0}=1"),
    "lists of lists": ("typedef list<i8> L const L A=[1] typedef list<L> M ", "const M a{0}=[A,A]\n", ""),
    "a list of many lists": ("const list<i8> B=[1,2,3,4,5,6,7,8,9] const list<list<i8>> A=[", "B,", "]"),
    "constants of a bad constant": ("const list<i8> B=[1,2,3,4,5,6,7,8,'9'] const list<list<i8>> A=[", "B,", "]"),
    "a chain of services": ("service a0{} ", "service a{1} extends a{0}{}\n", ""),
    "a circle of services": ("", "service a{0} extends a{1}{}\n", "service a{0} extends a0{}"),
    "a chain of structs": ("struct a0{} ", "struct a{1}{1:required a{0} x}\n", ""),
    "a circle of structs": ("", "struct a{0}{1:required a{1} x}\n", "struct a{0}{1:required a0 x}"),
    "includes": ("", 'include "{0}"\n', ""),
    "members by name": ("enum E {A} const list<E> X=[", "E.A,", "]"),
    "aliases of members": ("enum E {", "a{0}=1 ", "} const list<E> X=[1,1,1]"),
}
"""What goes before, what comes again with its number and the next, and what goes behind."""


def make_bombs(size: int) -> Sequence[Bomb]:
    """What repeats, what nests, what leads to itself, and what is wrong in each of many places."""
    size = min(size, _LARGEST)
    made = {name: one * (size // len(one)) for name, one in _REPEATED.items()}
    made |= {name: _within(size, *parts) for name, parts in _WITHIN.items()}
    made["members and a set of them"] = _members(size)
    return [Bomb(name, text.encode(errors="surrogateescape")) for name, text in made.items()]


def _within(size: int, head: str, part: str, tail: str) -> str:
    count = max(1, (size - len(head) - len(tail)) // (len(part) + (4 if "{0}" in part else 0)))
    parts = (part.replace("{0}", str(number)).replace("{1}", str(number + 1)) for number in range(count))
    return head + "".join(parts) + tail.replace("{0}", str(count))


def _members(size: int) -> str:
    count = max(1, size // 16)
    names = " ".join(f"a{number}" for number in range(count))
    return f"enum E {{{names}}} const set<E> S = [{','.join(f'E.a{number}' for number in range(count))}]"


def _no_leaves(_: object) -> Iterator[bytes]:
    """A program has words of its own: the reader reads files, not what strangers send."""
    return iter(())


TARGET: Final = Target(
    name="idl",
    decode=decode,
    allowed=(IdlError,),
    seeds=seeds,
    bombs=make_bombs,
    leaves=_no_leaves,
    small=256 * 1024,
    ratio=400,
    seconds=0.1,
)
