"""What ``breaking`` says of a pair of files, held against what is seen on the wire, and against Apache's compiler."""

from __future__ import annotations

import asyncio
import random
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import callosum
from callosum import testing
from callosum.errors import DecodeError
from callosum.service import Method
from callosum.upper import thrift
from callosum.upper.thrift.codec import codec_of
from callosum.upper.thrift.idl.reading import read, read_text
from callosum.upper.thrift.spec import StructType, struct_of
from callosum_codegen.breaking.comparison import compare
from callosum_codegen.breaking.rules import RULES
from callosum_codegen.findings import Severity
from tests.codegen.breaking.table import PAIRS, REFUSED, Asked, Called, Ended, Pair, Sent
from tests.interop.expecting import drawn, received
from tests.upper.thrift.oracles import plain

SENT = [(pair, one) for pair in PAIRS for one in pair.truths if isinstance(one, Sent)]
CALLED = [(pair, one) for pair in PAIRS for one in pair.truths if isinstance(one, Called)]
ASKED = [(pair, one) for pair in PAIRS for one in pair.truths if isinstance(one, Asked)]
ENDED = [(pair, one) for pair in PAIRS for one in pair.truths if isinstance(one, Ended)]
ELSEWHERE = {"file-removed", "type-moved"}
"""Rules for which it takes more than two texts: they have tests of their own."""


def found(old: str, new: str) -> set[str]:
    return {one.rule.name for one in compare(read_text(old, path="a.thrift"), read_text(new, path="a.thrift"))}


@pytest.mark.parametrize("pair", PAIRS, ids=str)
def test_what_is_found_in_both_directions(pair: Pair) -> None:
    assert found(pair.old, pair.new) == pair.forth
    assert found(pair.new, pair.old) == pair.back
    assert found(pair.old, pair.old) == set()


def test_each_rule_has_a_pair() -> None:
    assert {name for pair in PAIRS for name in (*pair.forth, *pair.back)} | ELSEWHERE == {one.name for one in RULES}


def test_each_rule_about_the_wire_is_shown_with_values() -> None:
    """Two rules keep the next field from breaking something: nothing breaks by then."""
    shown = {name for pair in PAIRS if pair.truths for name in pair.forth}
    shown |= {name for pair in PAIRS if any(one.by == "new" for one in pair.truths) for name in pair.back}
    assert shown >= WIRE - ELSEWHERE - {"reservation-removed", "reserved-reused"}


# --- the wire --------------------------------------------------------------------------------------------------------


class Modules:
    """Both versions of a pair, loaded."""

    def __init__(self, folder: Path, old: str, new: str) -> None:
        self.old, self.new = self._load(folder / "old", old), self._load(folder / "new", new)

    @staticmethod
    def _load(folder: Path, text: str) -> ModuleType:
        folder.mkdir()
        path = folder / "a.thrift"
        path.write_text(text)
        return thrift.load(path)

    def sides(self, by: str) -> tuple[ModuleType, ModuleType]:
        """The one that writes or calls, and the other one."""
        return (self.old, self.new) if by == "old" else (self.new, self.old)


def struct_class(module: ModuleType, name: str) -> type:
    owner, _, last = name.rpartition(".")
    cls: type = getattr(getattr(module, owner) if owner else module, last)
    return cls


def made(module: ModuleType, values: dict[str, Any]) -> dict[str, Any]:
    return {name: one(module) if callable(one) else one for name, one in values.items()}


@pytest.mark.parametrize(("pair", "sent"), SENT, ids=lambda one: str(one) if isinstance(one, Pair) else "")
def test_what_breaks_is_refused_or_taken_for_something_else(pair: Pair, sent: Sent, tmp_path: Path) -> None:
    writer, reader = Modules(tmp_path, pair.old, pair.new).sides(sent.by)
    cls, other = struct_class(writer, sent.struct), struct_class(reader, sent.struct)
    body = codec_of(cls).encode(cls(**made(writer, sent.values)))
    if sent.seen is REFUSED:
        with pytest.raises(DecodeError):
            codec_of(other).decode(body)
        return
    assert isinstance(sent.seen, dict)
    value = codec_of(other).decode(body)
    for name, expected in sent.seen.items():
        seen = getattr(value, name)
        assert (seen.name if isinstance(expected, str) and hasattr(seen, "name") else seen) == expected
    lost = {name: one for name, one in sent.values.items() if name not in sent.seen}
    assert not any(hasattr(value, name) for name in lost)


@pytest.mark.parametrize(("pair", "called"), CALLED, ids=lambda one: str(one) if isinstance(one, Pair) else "")
def test_what_breaks_is_seen_by_callers(pair: Pair, called: Called, tmp_path: Path) -> None:
    caller, server = Modules(tmp_path, pair.old, pair.new).sides(called.by)
    name, _, served = called.service.partition(":")
    if not hasattr(server, served or name):
        served = next(one for one in ("T", "S") if hasattr(server, one))
    service = getattr(server, served or name)
    assert asyncio.run(outcome(getattr(caller, name), service, called, server)) == called.seen


def method_of(module: ModuleType, name: str) -> Method:
    service, _, method = name.partition(".")
    return callosum.service_of(getattr(module, service)).methods[method]


@pytest.mark.parametrize(("pair", "asked"), ASKED, ids=lambda one: str(one) if isinstance(one, Pair) else "")
def test_what_breaks_comes_to_handlers_as_something_else(pair: Pair, asked: Asked, tmp_path: Path) -> None:
    caller, server = (method_of(one, asked.method) for one in Modules(tmp_path, pair.old, pair.new).sides(asked.by))
    assert caller.flags != server.flags or caller.stream != server.stream
    for name, codec in caller.codecs.items():
        assert server.codecs[name].decode_args(codec.encode_args(*asked.arguments)) == asked.seen


@pytest.mark.parametrize(("pair", "ended"), ENDED, ids=lambda one: str(one) if isinstance(one, Pair) else "")
def test_the_end_of_a_stream_is_no_result(pair: Pair, ended: Ended, tmp_path: Path) -> None:
    caller, server = (method_of(one, ended.method) for one in Modules(tmp_path, pair.old, pair.new).sides(ended.by))
    assert server.cardinality.gives_items
    assert not caller.cardinality.gives_items
    for codec in caller.codecs.values():
        with pytest.raises(DecodeError):
            codec.decode_result(b"")


async def outcome(called_service: type, service: type, called: Called, server: ModuleType) -> object:
    """What a client gets, or the name of what it raises."""
    methods = {one.python_name: answering(called, server) for one in callosum.service_of(service).methods.values()}
    async with testing.serve_in_memory({service: type("Handler", (), methods)()}) as peer:
        try:
            return await getattr(peer.stub(called_service), called.method)(*called.arguments)
        except Exception as error:
            return type(error).__name__


def answering(called: Called, server: ModuleType) -> Any:
    async def answer(self: object) -> object:
        if callable(called.answer):
            raise called.answer(server)
        return called.answer

    return answer


def shared_structs(modules: Modules) -> Iterator[tuple[type, type]]:
    """Structs by name, and arguments and results of methods, that are in both versions."""
    for name, cls in vars(modules.old).items():
        other = getattr(modules.new, name, None)
        if not isinstance(cls, type) or not isinstance(other, type):
            continue
        if hasattr(cls, "thrift_spec") and hasattr(other, "thrift_spec"):
            yield cls, other
        for method in getattr(cls, "thrift_services", ()):
            for part in ("args", "result"):
                yield getattr(cls, f"{method}_{part}"), getattr(other, f"{method}_{part}")


def check_that_each_reads_the_other(modules: Modules, source: random.Random) -> int:
    """Values of all structs are read by the other side as they were meant."""
    count = 0
    for pair in shared_structs(modules):
        for writer, reader in (pair, pair[::-1]):
            if not struct_of(writer).fields and struct_of(writer).is_union:
                continue
            value = drawn(StructType(writer), source)
            seen = codec_of(reader).decode(codec_of(writer).encode(value))
            expected = received(StructType(reader), StructType(writer), value)
            assert plain(StructType(reader), seen) == expected
            count += 1
    return count


WIRE = {one.name for one in RULES if one.severity is Severity.ERROR}
COMPATIBLE = [one for one in PAIRS if not one.forth & WIRE and "string-binary-changed" not in one.forth]


@pytest.mark.parametrize("pair", COMPATIBLE, ids=str)
def test_what_does_not_break_is_read_as_it_was_meant(pair: Pair, tmp_path: Path) -> None:
    modules = Modules(tmp_path, pair.old, pair.new)
    source = random.Random(1)
    count = sum(check_that_each_reads_the_other(modules, source) for _ in range(50))
    assert count or "struct" not in pair.old


# --- files that nobody thought of ------------------------------------------------------------------------------------

TYPES = ["bool", "i32", "i64", "double", "string", "E", "P", "Q", "list<i32>", "list<P>", "set<i32>", "map<string, Q>"]
TYPES += ["Id", "list<Id>", "list<E>"]
IDS, NAMES = [1, 2, 3], ["a", "b", "c"]


@st.composite
def structs(draw: st.DrawFn, name: str, types: list[str]) -> str:
    ids = draw(st.lists(st.sampled_from(IDS), unique=True))
    names = draw(st.permutations(NAMES))
    kind = draw(st.sampled_from(["struct", "struct", "struct", "union"])) if ids else "struct"
    fields = []
    for ident, field in zip(ids, names, strict=False):
        word = draw(st.sampled_from(["", "optional ", "required "])) if kind == "struct" else ""
        fields.append(f"{ident}: {word}{draw(st.sampled_from(types))} {field}")
    gone = [one for one in IDS if one not in ids and draw(st.booleans())]
    reserved = f' (callosum.reserved = "{", ".join(map(str, gone))}")' if gone else ""
    return f"{kind} {name} {{ {', '.join(fields)} }}{reserved}"


@st.composite
def files(draw: st.DrawFn) -> str:
    members = draw(st.lists(st.sampled_from(["X = 1", "Y = 2", "Z = 3"]), min_size=1, unique=True))
    simple = ["i32", "string", "bool", "E", "Id", "list<i32>"]
    parts = [
        f"typedef {draw(st.sampled_from(['i32', 'i64']))} Id",
        f"enum E {{ {', '.join(members)} }}",
        draw(structs("P", simple)),
        draw(structs("Q", [*simple, "P"])),
        draw(structs("A", TYPES)),
    ]
    return "\n".join(parts)


@st.composite
def pairs(draw: st.DrawFn) -> tuple[str, str]:
    """Two files that have most of their lines in common, so that many pairs do not break."""
    old = draw(files())
    new = draw(files()).splitlines()
    keep = draw(st.lists(st.integers(0, 4), max_size=5, unique=True))
    lines = [one if index in keep else new[index] for index, one in enumerate(old.splitlines())]
    return old, "\n".join(lines)


def test_files_in_which_nothing_breaks_are_read_as_they_were_meant(tmp_path_factory: pytest.TempPathFactory) -> None:
    read_values = 0

    @settings(max_examples=300, deadline=None, derandomize=True, database=None)
    @given(pairs(), st.randoms(use_true_random=False))
    def check(texts: tuple[str, str], source: random.Random) -> None:
        nonlocal read_values
        if not found(*texts) & (WIRE | {"string-binary-changed"}):
            modules = Modules(tmp_path_factory.mktemp("pair"), *texts)
            read_values += sum(check_that_each_reads_the_other(modules, source) for _ in range(5))

    check()
    assert read_values > 1000


# --- Apache ----------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(shutil.which("thrift") is None, reason="Apache's compiler is not installed")
@pytest.mark.parametrize("pair", PAIRS, ids=str)
def test_apaches_audit_agrees_or_it_is_said_why_not(pair: Pair, tmp_path: Path) -> None:
    (tmp_path / "old.thrift").write_text(pair.old)
    (tmp_path / "new.thrift").write_text(pair.new)
    verdicts = [audited(tmp_path / "old.thrift", tmp_path / "new.thrift")]
    verdicts.append(audited(tmp_path / "new.thrift", tmp_path / "old.thrift"))
    ours = [bool(pair.forth & WIRE), bool(pair.back & WIRE)]
    assert (verdicts == ours) is not bool(pair.audit), f"Apache says {verdicts}, we say {ours}"


def audited(old: Path, new: Path) -> bool:
    """Whether Apache's compiler finds that something breaks."""
    run = subprocess.run(["thrift", "--audit", old, new], capture_output=True, text=True, timeout=30, check=False)
    assert run.returncode in {0, 2}, run.stderr
    return "Thrift Audit Failure" in run.stdout + run.stderr


def test_the_reader_of_files_finds_what_the_reader_of_texts_does(tmp_path: Path) -> None:
    (tmp_path / "a.thrift").write_text(PAIRS[0].old)
    (tmp_path / "b.thrift").write_text(PAIRS[0].new)
    findings = compare(read(tmp_path / "a.thrift"), read(tmp_path / "b.thrift"))
    assert {one.rule.name for one in findings} == PAIRS[0].forth
