"""What the reader makes of a .thrift file, in the form of Apache's ``--gen json``, and that form without its accidents.

Accidents are: fifteen digits of a double, the keys of maps as text, an empty list where the type is a map, and newlines
at the end of docs.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

from callosum.upper.thrift.idl.constants import evaluate
from callosum.upper.thrift.idl.model import (
    Annotations,
    BaseType,
    Const,
    Document,
    Enum,
    Field,
    Function,
    ListOf,
    ListValue,
    MapOf,
    MapValue,
    MemberValue,
    Program,
    Requiredness,
    Service,
    SetValue,
    Struct,
    StructKind,
    StructValue,
    Type,
    Typedef,
    Value,
)

Json = dict[str, Any]
PATIENCE = 2.0
"""Seconds for Apache's compiler; a string without an end takes it for ever."""
_REQUIRED = {
    Requiredness.REQUIRED: "required",
    Requiredness.OPTIONAL: "optional",
    Requiredness.DEFAULT: "req_out",
}


def as_json(program: Program) -> Json:
    """The root of a program."""
    return _Writer(program, program.root).document()


class _Writer:
    def __init__(self, program: Program, document: Document) -> None:
        self.program = program
        self.at = document

    def document(self) -> Json:
        of = {
            kind: [one for one in self.at.definitions if isinstance(one, kind)]
            for kind in (Enum, Typedef, Struct, Const, Service)
        }
        return {
            "name": self.at.stem,
            **_doc(self.at.doc),
            "namespaces": {one.scope: one.name for one in self.at.namespaces},
            "includes": [one.prefix for one in self.at.includes],
            "enums": [self.enum(one) for one in of[Enum]],
            "typedefs": [self.typedef(one) for one in of[Typedef]],
            "structs": [self.struct(one) for one in of[Struct]],
            "constants": [self.const(one) for one in of[Const]],
            "services": [self.service(one) for one in of[Service]],
        }

    def enum(self, one: Any) -> Json:
        members = [{"name": m.name, "value": m.value, **_doc(m.doc)} for m in one.members]
        return {"name": one.name, **_doc(one.doc), **_annotations(one.annotations), "members": members}

    def typedef(self, one: Any) -> Json:
        return {"name": one.name, **self.type(one.type, "type"), **_doc(one.doc), **_annotations(one.annotations)}

    def struct(self, one: Any) -> Json:
        return {
            "name": one.name,
            **_doc(one.doc),
            **_annotations(one.annotations),
            "isException": one.kind is StructKind.EXCEPTION,
            "isUnion": one.kind is StructKind.UNION,
            "fields": [self.field(field) for field in one.fields],
        }

    def const(self, one: Any) -> Json:
        value = _plain(evaluate(self.program, self.at, one.type, one.value))
        return {"name": one.name, **self.type(one.type, "type"), **_doc(one.doc), "value": value}

    def service(self, one: Any) -> Json:
        return {
            "name": one.name,
            **({"extends": one.extends.name} if one.extends else {}),
            **_doc(one.doc),
            **_annotations(one.annotations),
            "functions": [self.function(function) for function in one.functions],
        }

    def function(self, one: Function) -> Json:
        returns = {"returnTypeId": "void"} if one.returns is None else self.type(one.returns, "returnType")
        return {
            "name": one.name,
            **returns,
            "oneway": one.is_oneway,
            **_doc(one.doc),
            **_annotations(one.annotations),
            "arguments": [self.field(field) for field in one.parameters],
            "exceptions": [self.field(field) for field in one.throws],
        }

    def field(self, one: Field) -> Json:
        default = (
            {"default": _plain(evaluate(self.program, self.at, one.type, one.default))}
            if one.default is not None
            else {}
        )
        return {
            "key": one.id,
            "name": one.name,
            **self.type(one.type, "type"),
            **_doc(one.doc),
            **_annotations(one.annotations),
            "required": _REQUIRED[one.requiredness],
            **default,
        }

    def type(self, kind: Type, key: str, at: Document | None = None) -> Json:
        """The entries for a type: its name, and what is in it."""
        where, true = self.program.true_type(at or self.at, kind)
        if isinstance(true, BaseType):
            return {f"{key}Id": true.name}
        if isinstance(true, Enum):
            return {f"{key}Id": "i32"}  # the compiler does not name them where they are used
        if isinstance(true, Struct):
            ident = true.kind.value
            detail: Json = {"class": true.name if where is self.at else f"{where.stem}.{true.name}"}
        elif isinstance(true, MapOf):
            ident = "map"
            detail = self.type(true.key, "keyType", where) | self.type(true.value, "valueType", where)
        else:
            ident = "list" if isinstance(true, ListOf) else "set"
            detail = self.type(true.element, "elemType", where)
        return {f"{key}Id": ident, key: {"typeId": ident, **_annotations(true.annotations), **detail}}


def _doc(doc: str) -> Json:
    return {"doc": doc} if doc else {}


def _annotations(annotations: Annotations) -> Json:
    return {"annotations": {one.name: one.value for one in annotations}} if annotations else {}


def _plain(value: Value) -> object:
    match value:
        case bool():
            return int(value)
        case MemberValue():
            return value.value
        case UUID():
            return str(value)
        case bytes():
            return value.decode()
        case ListValue(items=items) | SetValue(items=items):
            return [_plain(one) for one in items]
        case MapValue(items=pairs):
            return {_key(_plain(key)): _plain(one) for key, one in pairs}
        case StructValue(fields=fields):
            return {one.name: _plain(item) for one, item in fields}
        case _:
            return value


def _key(value: object) -> str:
    return f"{value:.15g}" if isinstance(value, float) else str(value)


def regular(made: object) -> object:
    """JSON without the accidents of its form."""
    match made:
        case float() | int() if not isinstance(made, bool):
            return float(f"{made:.15g}") if isinstance(made, float) else made
        case dict():
            ours = {key: regular(one) for key, one in made.items() if not (key == "doc" and not str(one).strip())}
            if "doc" in ours:
                ours["doc"] = str(ours["doc"]).rstrip("\n")
            return ours or []
        case list():
            return [regular(one) for one in made]
        case _:
            return made


def differences(ours: object, theirs: object, path: str = "") -> Iterator[str]:
    """Where two regular JSONs differ."""
    if isinstance(ours, Mapping) and isinstance(theirs, Mapping):
        for key in sorted({*ours, *theirs}):
            if key not in ours or key not in theirs:
                only = "ours" if key in ours else "theirs"
                yield f"{path}.{key} only in {only}: {(ours if key in ours else theirs)[key]!r}"
            else:
                yield from differences(ours[key], theirs[key], f"{path}.{key}")
    elif isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        for index, pair in enumerate(zip(ours, theirs, strict=True)):
            yield from differences(*pair, f"{path}[{index}]")
    elif ours != theirs:
        yield f"{path}: ours {ours!r}, theirs {theirs!r}"


def apaches(path: Path) -> tuple[Json | None, str]:
    """What Apache's compiler makes of a file, and what it says; None where it refuses the file."""
    with tempfile.TemporaryDirectory() as folder:
        command = ["thrift", "--gen", "json", "-out", folder, str(path)]
        try:
            ran = subprocess.run(command, check=False, capture_output=True, timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            return None, "it does not end"
        said = (ran.stdout + ran.stderr).decode(errors="replace")
        made = Path(folder) / f"{path.stem}.json"
        if ran.returncode != 0 or not made.exists():
            return None, said
        try:
            return json.loads(made.read_text(encoding="utf-8"), strict=False), said
        except ValueError:  # it writes infinities, and lists as keys
            return {}, said
