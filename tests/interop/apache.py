"""What Apache's compiler makes of a .thrift file, and what `load` makes of it, in one form.

``python -m tests.interop.apache`` writes the first, for all files, to ``idl/*/apache.txt``; a `thrift` is on the path.
Enums are integers in both: the compiler's JSON does not name them where they are used.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from callosum.upper.thrift.service import Function
from callosum.upper.thrift.spec import (
    BOOL,
    EnumType,
    Field,
    ListType,
    MapType,
    NumberType,
    SetType,
    StructType,
    TextType,
    Type,
    UuidType,
    struct_of,
)
from tests.interop.catalogue import FILES, IdlFile, extended_by, functions_of, kind_of

Json = Mapping[str, Any]


def golden(file: IdlFile) -> list[str]:
    """The lines that Apache's compiler gave for a file, when they were written."""
    text = (file.path.parent / "apache.txt").read_text(encoding="utf-8")
    sections = dict(part.split("\n", 1) for part in text.split("# ") if part)
    return sections[file.path.name].splitlines()


def ours(file: IdlFile) -> list[str]:
    """The same of what `load` makes."""
    lines: list[str] = []
    for cls in file.enums:
        members = ((name.removesuffix("_"), int(one)) for name, one in cls.__members__.items())
        lines.append(_enum(cls.__name__, members))
    for struct in file.defined.values():
        lines += [f"{kind_of(struct)} {struct.__name__}", *_indented(_our_fields(struct_of(struct).fields))]
    for service in file.services:
        base = extended_by(service)
        lines.append(f"service {service.__name__}" + (f" extends {base.__name__}" if base else ""))
        own = {one.name for one in service.__dict__["thrift_functions"]}
        for function in functions_of(service).values():
            if function.name in own:
                lines += _indented(_our_function(function))
    return sorted_blocks(lines)


def _our_function(function: Function) -> Iterator[str]:
    returns = "oneway" if function.is_oneway else _our_type(function.success.type) if function.success else "void"
    yield f"{returns} {function.name}"
    yield from _indented(_our_fields(function.args.fields))
    yield from (f"    throws {line}" for line in _our_fields(function.errors))


def _our_fields(fields: tuple[Field, ...]) -> Iterator[str]:
    for one in sorted(fields, key=lambda field: field.id):
        required = " required" if one.is_required else ""
        yield f"{one.id} {one.name}: {_our_type(one.type)}{required}{_default(one.type is BOOL, one.default)}"


def _our_type(kind: Type) -> str:
    match kind:
        case EnumType():
            return "i32"
        case ListType() | SetType():
            return f"{kind.wire.name.lower()}<{_our_type(kind.element)}>"
        case MapType():
            return f"map<{_our_type(kind.key)}, {_our_type(kind.value)}>"
        case StructType() | NumberType() | TextType() | UuidType():
            return kind.text


def apaches(made: Json) -> list[str]:
    """The lines for what the compiler wrote."""
    lines = [_enum(one["name"], ((m["name"], m["value"]) for m in one["members"])) for one in made["enums"]]
    for one in made["structs"]:
        kind = "union" if one["isUnion"] else "exception" if one["isException"] else "struct"
        lines += [f"{kind} {one['name']}", *_indented(_their_fields(one["fields"], is_union=one["isUnion"]))]
    for one in made["services"]:
        base = one.get("extends", "").rpartition(".")[-1]
        lines.append(f"service {one['name']} extends {base}".removesuffix(" extends "))
        for function in one["functions"]:
            returns = "oneway" if function["oneway"] else _their_type(function, "returnType")
            lines.append(f"    {returns} {function['name']}")
            lines += _indented(_indented(_their_fields(function["arguments"])))
            lines += (f"        throws {line}" for line in _their_fields(function["exceptions"]))
    return sorted_blocks(lines)


def _their_fields(fields: list[Json], *, is_union: bool = False) -> Iterator[str]:
    for one in sorted(fields, key=lambda field: int(field["key"])):
        required = " required" if one["required"] == "required" and not is_union else ""
        default = _default(one["typeId"] == "bool", one.get("default"))
        yield f"{one['key']} {one['name']}: {_their_type(one, 'type')}{required}{default}"


def _their_type(holder: Json, key: str) -> str:
    ident: str = holder[f"{key}Id"]
    detail: Json = holder.get(key, {})
    match ident:
        case "list" | "set":
            return f"{ident}<{_their_type(detail, 'elemType')}>"
        case "map":
            return f"map<{_their_type(detail, 'keyType')}, {_their_type(detail, 'valueType')}>"
        case "struct" | "union" | "exception":
            return str(detail["class"]).rpartition(".")[-1]
        case _:
            return ident


def _default(is_bool: bool, default: object) -> str:
    if not default:  # that of its type is what a field has in Python where none is written
        return ""
    return f" = {json.dumps(bool(default) if is_bool else default)}"


def _enum(name: str, members: Iterator[tuple[str, int]]) -> str:
    return f"enum {name} " + " ".join(f"{member}={value}" for member, value in members)


def _indented(lines: Iterator[str]) -> Iterator[str]:
    return (f"    {line}" for line in lines)


def sorted_blocks(lines: list[str]) -> list[str]:
    """The definitions by kind and name, each with its own lines as they are."""
    blocks: list[list[str]] = []
    for line in lines:
        if line.startswith(" "):
            blocks[-1].append(line)
        else:
            blocks.append([line])
    return [line for block in sorted(blocks) for line in block]


def compiled(path: Path) -> Json:
    """What the compiler makes of a file, as JSON."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["thrift", "--gen", "json", "-out", folder, str(path)], check=True, capture_output=True)
        made: Json = json.loads((Path(folder) / f"{path.stem}.json").read_text(encoding="utf-8"))
    return made


def main() -> None:
    texts: dict[Path, str] = {}
    for file in FILES:
        lines = [f"# {file.path.name}", *apaches(compiled(file.path))]
        target = file.path.parent / "apache.txt"
        texts[target] = texts.get(target, "") + "\n".join(lines) + "\n"
    for target, text in texts.items():
        target.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
