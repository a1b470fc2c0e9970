"""The files of a package of generated modules: what is to be in them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from callosum.errors import ConfigurationError
from callosum.upper.thrift.emit import emit, module_paths, relative_import
from callosum.upper.thrift.idl.model import Document, Program

MARK: Final = "# Written by callosum-gen"
"""How each generated file begins: such a file may be written anew."""
_INIT: Final = f"{MARK}: import the modules of this package.\n"

ModulePath = tuple[str, ...]
Sources = dict[PurePosixPath, str]
"""The text of each file, by its path below the folder that was given."""


@dataclass(frozen=True, slots=True)
class _File:
    """A .thrift file, and a program that has it."""

    program: Program
    document: Document
    module: ModulePath

    @property
    def path(self) -> PurePosixPath:
        """Where its module is."""
        return PurePosixPath(*self.module).with_suffix(".py")


def sources(programs: Iterable[Program], out: Path) -> Sources:
    """The modules of some files and of all that they include, and what makes packages of their folders.

    Args:
        programs: The files.
        out: The folder to which they are to be written; it is looked at, and nothing is written.

    Raises:
        ConfigurationError: Two files would be one module, or a module and a package would have one name.
        IdlError: A constant or a default does not fit its type.
    """
    files = _files(programs)
    _check_apart(files.values())
    return {**_surroundings(files, out), **{one.path: _emitted(one, files) for one in files.values()}}


def _files(programs: Iterable[Program]) -> dict[Path, _File]:
    """Each file once, by its real path, in whatever programs it is."""
    known: dict[Path, tuple[Program, Document]] = {}
    for program in programs:
        for document in program.documents:
            known.setdefault(_real(document), (program, document))
    modules = module_paths(document for _, document in known.values())
    return {real: _File(program, document, modules[document]) for real, (program, document) in known.items()}


def _real(document: Document) -> Path:
    assert document.real_path is not None, "it was read from a file"
    return document.real_path


def _emitted(one: _File, files: Mapping[Path, _File]) -> str:
    def import_line(included: Document, alias: str) -> str:
        return relative_import(one.module, files[_real(included)].module, alias)

    return emit(one.program, one.document, import_line)


def _surroundings(files: Mapping[Path, _File], out: Path) -> Sources:
    """The ``__init__.py`` of each package, and the ``py.typed`` of each that is in no other one."""
    modules = [one.module for one in files.values()]
    packages = {module[:depth] for module in modules for depth in range(1, len(module))}
    if _is_package(files, out):
        packages.add(())
    made = {PurePosixPath(*one, "__init__.py"): _INIT for one in sorted(packages)}
    outermost = {()} if () in packages else {one for one in packages if len(one) == 1}
    if not (out.resolve().parent if () in packages else out.resolve()).joinpath("__init__.py").exists():
        made |= {PurePosixPath(*one, "py.typed"): "" for one in sorted(outermost)}
    return made


def _is_package(files: Mapping[Path, _File], out: Path) -> bool:
    """Whether the folder is a package itself, and not one in which packages are, as ``src`` is."""
    if (out / "__init__.py").exists() or any(_is_imported_from_there(one, files) for one in files.values()):
        return True
    is_within = (out.resolve().parent / "__init__.py").exists()
    is_fresh = not out.is_dir() or not any(out.iterdir())
    return (is_within or is_fresh) and any(len(one.module) == 1 for one in files.values())


def _is_imported_from_there(one: _File, files: Mapping[Path, _File]) -> bool:
    """Whether a module has to go up to the folder to reach one that it imports."""
    there = (files[_real(included)].module for included in one.program.includes[one.document].values())
    return any(len(one.module) == 1 or len(other) == 1 or one.module[0] != other[0] for other in there)


def _check_apart(files: Iterable[_File]) -> None:
    """Each module has a place of its own, and none has the name of a package."""
    by_module: dict[ModulePath, _File] = {}
    for one in files:
        other = by_module.setdefault(one.module, one)
        if other is not one:
            raise ConfigurationError(
                f"{one.document.path}: it would be {one.path}, and so would {other.document.path}: give one of them "
                "another `namespace py`"
            )
    for module, one in by_module.items():
        for depth in range(1, len(module)):
            outer = by_module.get(module[:depth])
            if outer is not None:
                raise ConfigurationError(
                    f"{one.document.path}: it would be {one.path}, in a package that has the name of the module of "
                    f"{outer.document.path}: give one of them another `namespace py`"
                )
