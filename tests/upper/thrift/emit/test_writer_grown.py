"""What grown files become: modules that Python imports, and that hold what their constants and defaults say."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from callosum.errors import ConfigurationError
from callosum.upper.thrift.emit import emit
from callosum.upper.thrift.emit.scope import Scopes, field_names
from callosum.upper.thrift.idl.constants import evaluate
from callosum.upper.thrift.idl.faults import IdlError
from callosum.upper.thrift.idl.model import (
    Const,
    Document,
    Enum,
    ListValue,
    MapValue,
    MemberValue,
    Program,
    Requiredness,
    Service,
    SetValue,
    Struct,
    StructValue,
    Value,
)
from callosum.upper.thrift.idl.reading import read
from callosum.upper.thrift.service import thrift_service
from tests.interop.growing import Grower

GROWN = settings(
    max_examples=100,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
Modules = Mapping[Document, ModuleType]


@pytest.fixture(autouse=True)
def no_modules() -> Iterator[None]:
    """What is imported here is gone afterwards."""
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        del sys.modules[name]


def grown(folder: Path, seed: int) -> Program:
    source = random.Random(seed)
    shared = Grower(source)
    (folder / "shared.thrift").write_bytes(shared.text().encode())
    main = Grower(source, {"shared": shared.own} if source.random() < 0.6 else {})
    (folder / "main.thrift").write_bytes(main.text().encode())
    return read(folder / "main.thrift")


def imported(program: Program) -> Modules:
    """The modules of all files, executed without anything that `load` does."""
    modules = {one: ModuleType(f"callosum_grown_{one.stem}") for one in program.documents}
    for document, module in modules.items():
        sys.modules[module.__name__] = module

        def import_line(included: Document, alias: str) -> str:
            return f"import {modules[included].__name__} as {alias}"

        source = emit(program, document, import_line)
        assert source == emit(program, document, import_line)
        exec(compile(source, document.path, "exec", dont_inherit=True), vars(module))
    return modules


def object_of(modules: Modules, scopes: Scopes, value: Value, *, is_frozen: bool) -> Any:
    """What a value is in Python."""

    def inner(one: Value, *, is_frozen: bool = is_frozen) -> Any:
        return object_of(modules, scopes, one, is_frozen=is_frozen)

    def cls(document: Document, name: str) -> Callable[..., Any]:
        made: Callable[..., Any] = getattr(modules[document], scopes.of(document).definitions[name])
        return made

    match value:
        case MemberValue():
            return cls(value.document, value.enum.name)(value.value)
        case StructValue():
            names = field_names(value.struct)
            given = {names[one.name]: inner(part, is_frozen=False) for one, part in value.fields}
            return cls(value.document, value.struct.name)(**given)
        case ListValue():
            return (tuple if is_frozen else list)(map(inner, value.items))
        case SetValue():
            return (frozenset if is_frozen else set)(inner(one, is_frozen=True) for one in value.items)
        case MapValue():
            pairs = {inner(key, is_frozen=True): inner(one) for key, one in value.items}
            return MappingProxyType(pairs) if is_frozen else pairs
        case _:
            return value


def is_same(one: Any, other: Any) -> bool:
    """Equal, and of the same types."""
    if isinstance(one, MappingProxyType) and isinstance(other, MappingProxyType):
        return is_same(list(one.items()), list(other.items()))
    if isinstance(one, list | tuple) and type(one) is type(other):
        return len(one) == len(other) and all(map(is_same, one, other))
    return type(one) is type(other) and bool(one == other)


@GROWN
@given(st.integers(0, 10**9))
def test_grown_files(tmp_path: Path, seed: int) -> None:
    program = grown(tmp_path, seed)
    try:
        modules = imported(program)
    except IdlError as error:
        assert "no map can be an element of a set" in str(error)
        return
    scopes = Scopes(program)
    for document, module in modules.items():
        assert module.__thrift_idl__ == document.text
        assert module.__all__ == scopes.of(document).public()
        for one in document.definitions:
            made = getattr(module, scopes.of(document).definitions[one.name])
            match one:
                case Const():
                    value = evaluate(program, document, one.type, one.value)
                    assert is_same(made, object_of(modules, scopes, value, is_frozen=True))
                case Struct():
                    check_struct(program, document, one, made, modules)
                case Enum():
                    assert [member.value for member in made.__members__.values()] == [
                        each.value for each in one.members
                    ]
                case Service():
                    assert [each.name for each in made.thrift_functions] == [each.name for each in one.functions]
                    check_service(made)
                case _:
                    pass


def check_struct(program: Program, document: Document, one: Struct, cls: Any, modules: Modules) -> None:
    names, scopes = field_names(one), Scopes(program)
    assert {ident: entry[1] for ident, entry in cls.thrift_spec.items()} == {f.id: names[f.name] for f in one.fields}
    defaults = dict(cls.default_spec)
    for field in one.fields:
        if field.default is not None:
            value = evaluate(program, document, field.type, field.default)
            assert is_same(defaults[names[field.name]], object_of(modules, scopes, value, is_frozen=False))
        elif field.requiredness is not Requiredness.DEFAULT:
            assert defaults[names[field.name]] is None


def check_service(cls: type) -> None:
    try:
        thrift_service(cls)
    except ConfigurationError as error:  # what the grammar makes, and callosum does not serve
        assert "would have the same name in Python" in str(error) or "the id 0" in str(error)
