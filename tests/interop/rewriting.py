"""A loaded file as text again: as it is, older, or newer. Its includes are written beside it, in the same way.

An older version has not yet what was added to this one: some optional fields, some arms of unions, some members of
enums and some parameters are missing. A newer one has optional fields of every type, in among the others, and more
arms, members and parameters.
"""

from __future__ import annotations

import enum
import functools
import json
import random
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from callosum.upper.thrift import load
from callosum.upper.thrift.service import Function
from callosum.upper.thrift.spec import EnumType, Field, ListType, MapType, SetType, Struct, StructType, Type, struct_of
from tests.interop.catalogue import IdlFile, extended_by, functions_of, kind_of


class Version(enum.Enum):
    """What is made of a file."""

    SAME = "same"
    OLDER = "older"
    NEWER = "newer"


ADDED = (
    "bool",
    "i8",
    "i16",
    "i32",
    "i64",
    "double",
    "string",
    "binary",
    "AddedEnum",
    "AddedStruct",
    "AddedUnion",
    "list<i32>",
    "list<AddedStruct>",
    "set<string>",
    "map<string, list<i64>>",
    "map<i32, AddedUnion>",
)
"""The types of the fields and arms that are new."""
DEFINITIONS = """
enum AddedEnum { ONE = 1, TWO = 2 }
struct AddedStruct { 1: required string name, 2: optional list<string> parts }
union AddedUnion { 1: i64 number, 2: AddedStruct inner }
"""
NEW_MEMBER = "ADDED_SINCE"


@functools.cache
def rewritten(file: IdlFile, version: Version, folder: Path) -> IdlFile:
    """That version of the file, in the folder."""
    path = folder / version.value / file.path.parent.name / file.path.name
    path.parent.mkdir(parents=True, exist_ok=True)
    _write(file.module, version, path.parent)
    load(path)
    return IdlFile(path)


def _write(module: ModuleType, version: Version, folder: Path) -> None:
    path = folder / _path_of(module).name
    if not path.exists():
        path.write_text("\n".join(_Rewriting(module, version).parts()), encoding="utf-8")
        for included in vars(module).get("__thrift_includes__", {}).values():
            _write(included, version, folder)


def _path_of(module: ModuleType) -> Path:
    path: Path = module.__thrift_real_path__
    return path


def members_of(cls: type[enum.IntEnum], version: Version) -> dict[str, int]:
    """The members that a version has of an enum."""
    members = {member.removesuffix("_"): int(value) for member, value in cls.__members__.items()}
    match version:
        case Version.OLDER:
            return dict(list(members.items())[: (len(members) + 1) // 2])
        case Version.NEWER:
            return members | {NEW_MEMBER: max(members.values()) + 1}
        case Version.SAME:
            return members


@dataclass(frozen=True)
class _Rewriting:
    """One file."""

    module: ModuleType
    version: Version

    def parts(self) -> Iterator[str]:
        file = IdlFile(_path_of(self.module))
        includes: Mapping[str, ModuleType] = vars(self.module).get("__thrift_includes__", {})
        yield from (f'include "{_path_of(included).name}"' for included in includes.values())
        if self.version is Version.NEWER:
            yield DEFINITIONS
        for cls in file.enums:
            members = (f"{member} = {value}" for member, value in members_of(cls, self.version).items())
            yield f"enum {cls.__name__} {{ {', '.join(members)} }}"
        for struct in file.defined.values():
            lines = "".join(f"    {line}\n" for line in self.fields(struct_of(struct)))
            yield f"{kind_of(struct)} {struct.__name__} {{\n{lines}}}"
        yield from (self.service(service) for service in file.services)

    def fields(self, struct: Struct) -> list[str]:
        lines = [(one.is_required, self.field(one, is_union=struct.is_union)) for one in struct.fields]
        source = random.Random(struct.name)
        match self.version:
            case Version.OLDER if struct.is_union:
                lines = lines[: (len(lines) + 1) // 2]
            case Version.OLDER:
                lines = [(required, line) for required, line in lines if required or source.random() < 0.5]
            case Version.NEWER:
                first = max((one.id for one in struct.fields), default=0) + 1
                for ident, kind in enumerate(ADDED, first):
                    line = f"{ident}: {'' if struct.is_union else 'optional '}{kind} added_{ident}"
                    lines.insert(source.randint(0, len(lines)), (False, line))
            case Version.SAME:
                pass
        return [line for _, line in lines]

    def field(self, one: Field, *, is_union: bool = False) -> str:
        word = "" if is_union else "required " if one.is_required else "optional "
        return f"{one.id}: {word}{self.spelled(one.type)} {one.name}{self.default(one)}"

    def default(self, one: Field) -> str:
        """Where it is a number, a text, or a member that is still there."""
        value = one.default
        if isinstance(one.type, EnumType):
            return f" = {int(value)}" if value in members_of(one.type.cls, self.version).values() else ""
        return f" = {json.dumps(value)}" if isinstance(value, bool | int | float | str) else ""

    def spelled(self, kind: Type) -> str:
        match kind:
            case ListType() | SetType():
                return f"{kind.wire.name.lower()}<{self.spelled(kind.element)}>"
            case MapType():
                return f"map<{self.spelled(kind.key)}, {self.spelled(kind.value)}>"
            case StructType() | EnumType():
                return self.name(kind.cls)
            case _:
                return kind.text

    def name(self, cls: type) -> str:
        """Of what may be in an included file."""
        home = sys.modules[cls.__module__]
        return cls.__name__ if home is self.module else f"{_path_of(home).stem}.{cls.__name__}"

    def service(self, cls: type) -> str:
        base = extended_by(cls)
        extends = f" extends {self.name(base)}" if base else ""
        names = {one.name for one in cls.__dict__["thrift_functions"]}
        own = (one for one in functions_of(cls).values() if one.name in names)
        lines = "".join(f"    {self.function(one)}\n" for one in own)
        return f"service {cls.__name__}{extends} {{\n{lines}}}"

    def function(self, one: Function) -> str:
        returns = "oneway void" if one.is_oneway else self.spelled(one.success.type) if one.success else "void"
        throws = ", ".join(f"{error.id}: {self.spelled(error.type)} {error.name}" for error in one.errors)
        parameters = ", ".join(self.parameters(one))
        return f"{returns} {one.name}({parameters})" + (f" throws ({throws})" if throws else "")

    def parameters(self, one: Function) -> Iterator[str]:
        """A caller names its arguments by their places: those that are new stand behind the others."""
        fields = one.args.fields
        if self.version is Version.OLDER and not any(each.is_required for each in fields):
            fields = fields[: (len(fields) + 1) // 2]
        yield from (self.field(each) for each in fields)
        if self.version is Version.NEWER:
            first = max((each.id for each in fields), default=0) + 1
            yield f"{first}: optional AddedStruct added_{first}"
            yield f"{first + 1}: optional map<string, i64> added_{first + 1}"
