"""`load`: a .thrift file, and what it includes, as modules.

Laws: a file is loaded once for each content (its own and that of its includes), by its real path, however it was named;
two files are two modules, also where their names are the same. Whatever is wrong with a file is a ConfigurationError
that says where.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import os
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import RLock
from types import ModuleType

from callosum.errors import ConfigurationError
from callosum.upper.thrift.annotations import STREAMS, annotations_on, is_ours, own_annotations
from callosum.upper.thrift.dressing import dress
from callosum.upper.thrift.outline import Include, Outline, read_outline
from callosum.upper.thrift.parsing import parse, struct_classes
from callosum.upper.thrift.service import check_struct, read_service
from callosum.upper.thrift.sources import IDL_ATTRIBUTE
from callosum.upper.thrift.spec import struct_of

Location = str | os.PathLike[str]

_lock = RLock()
_loaded: dict[tuple[Path | str, ...], ModuleType] = {}
"""By real path, digest of the content and of that of all includes, and the real paths of these."""


def load(path: Location, include_dirs: Iterable[Location] = (), *, module_name: str | None = None) -> ModuleType:
    """Read a .thrift file: a module of its structs, enums, unions, exceptions, constants and services.

    Loading the same file again gives the same module, as long as it and what it includes are the same. The module is
    put into `sys.modules`, so that instances can be pickled.

    Args:
        path: The file. A relative path is one from the working directory.
        include_dirs: Where included files are looked for besides the folder of the file that includes them.
        module_name: The module's name. By default that of ``namespace py``, else the file's name and ``_thrift``, with
            a suffix where another module has that name.

    Raises:
        ConfigurationError: A file is not there, or cannot be read, or what it says cannot be.
    """
    if isinstance(include_dirs, str | bytes | os.PathLike):
        raise ConfigurationError(f"include_dirs={include_dirs!r}: give a list of folders")
    given = Path(os.fspath(path))
    where = given if given.is_absolute() else Path.cwd() / given
    if not where.is_file():
        what = "is a folder" if where.is_dir() else "does not exist"
        raise ConfigurationError(f"{given}: the file {what}: looked for it as {where}")
    with _lock:
        return _Loader([Path(os.fspath(one)) for one in include_dirs]).load(str(given), where, module_name)


@dataclass(frozen=True, slots=True)
class _Open:
    """A file that is being loaded."""

    shown: str
    real: Path


class _Loader:
    """One call of `load`: the files that are being loaded, each included by the one before."""

    def __init__(self, include_dirs: list[Path]) -> None:
        self.include_dirs = include_dirs
        self.open: list[_Open] = []

    def load(self, shown: str, path: Path, module_name: str | None = None) -> ModuleType:
        """The module of a file; ``shown`` is its path in messages."""
        real = path.resolve()
        text = _read(real, shown)
        outline = read_outline(text, shown)
        self.open.append(_Open(shown, real))
        includes = self.includes(outline, real)
        self.open.pop()
        contents = [text, *(module.__thrift_digest__ for module in includes.values())]
        digest = hashlib.sha256("\0".join(contents).encode()).hexdigest()
        key = (real, digest, *(one.__thrift_real_path__ for one in includes.values()))
        module = _loaded.get(key)
        if module is None:
            name = module_name or _free_name(outline, real, digest)
            module = _make(text, outline, name, includes)
            module.__thrift_digest__ = digest  # type: ignore[attr-defined]
            module.__thrift_real_path__ = real  # type: ignore[attr-defined]
            _register(name, module)
            _loaded[key] = module
        elif module_name is not None:
            _register(module_name, module)
        return module

    def includes(self, outline: Outline, real: Path) -> dict[str, ModuleType]:
        """The modules of a file's includes, by the names with which it refers to them."""
        modules: dict[str, ModuleType] = {}
        for one in outline.includes:
            where = f"{outline.path}:{one.line}"
            path = self.find(one, real, where)
            name = path.name.removesuffix(".thrift")
            self.refuse_circle(path.resolve(), where)
            module = self.load(os.path.relpath(path), path)
            if modules.setdefault(name, module) is not module:
                raise ConfigurationError(
                    f"{where}: two included files are called {name}, and both would be {name}. here: rename one of them"
                )
        return modules

    def find(self, one: Include, real: Path, where: str) -> Path:
        looked = [folder / one.path for folder in (real.parent, *self.include_dirs)]
        for path in looked:
            if path.is_file():
                return path
        places = ", ".join(str(path) for path in looked)
        raise ConfigurationError(
            f'{where}: include "{one.path}" was not found: looked for {places}. Give its folder in include_dirs'
        )

    def refuse_circle(self, real: Path, where: str) -> None:
        names = [one.shown for one in self.open]
        for index, one in enumerate(self.open):
            if one.real == real:
                circle = " includes ".join([*names[index:], one.shown])
                raise ConfigurationError(
                    f"{where}: circular include: {circle}: move what both need into a file that both include"
                )


def _read(real: Path, shown: str) -> str:
    try:
        return real.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{shown}: the file is not UTF-8: {error}") from error
    except OSError as error:
        raise ConfigurationError(f"{shown}: the file cannot be read: {error}") from error


def _make(text: str, outline: Outline, name: str, includes: dict[str, ModuleType]) -> ModuleType:
    module = parse(text, outline, name, includes)
    setattr(module, IDL_ATTRIBUTE, text)
    dress(module, outline)
    try:
        for cls in struct_classes(module):
            check_struct(struct_of(cls))
        for service in getattr(module, "__thrift_meta__", {}).get("services", []):
            read_service(service)
    except ConfigurationError as error:
        raise ConfigurationError(f"{outline.path}: {error}") from error
    _check_annotations(module, outline)
    return module


def _check_annotations(module: ModuleType, outline: Outline) -> None:
    """Annotations of callosum's that the text has and thriftpy2 did not keep are refused: nothing would obey them."""
    kept: Counter[str] = Counter(name for name in _kept_annotations(module) if is_ours(name))
    found = Counter(name for name, _ in outline.annotations)
    for name, line in outline.annotations:
        if found[name] > kept[name]:
            lines = ", ".join(str(at) for other, at in outline.annotations if other == name)
            if name in STREAMS:
                raise ConfigurationError(f"{outline.path}:{line}: {name}: streams are not supported yet")
            raise ConfigurationError(
                f"{outline.path}:{line}: {name} stands where it means nothing, or twice (lines {lines}): callosum's "
                "annotations belong behind services, functions and structs"
            )


def _kept_annotations(module: ModuleType) -> Iterator[str]:
    services: list[type] = getattr(module, "__thrift_meta__", {}).get("services", [])
    for cls in (*services, *struct_classes(module)):
        yield from own_annotations(cls)
        for attribute in ("__thrift_function_annotations__", "__thrift_field_annotations__"):
            for on_part in annotations_on(cls, attribute).values():
                yield from on_part


def _free_name(outline: Outline, real: Path, digest: str) -> str:
    """A name for the module that no other module has, and that is the same in each process."""
    stem = "".join(one if one.isalnum() else "_" for one in real.name.removesuffix(".thrift"))
    wanted = outline.namespaces.get("py", f"{stem}_thrift").replace(".", "_")
    by_path = hashlib.sha256(str(real).encode()).hexdigest()
    for name in (wanted, f"{wanted.removesuffix('_thrift')}_thrift", f"{wanted}_{digest[:8]}"):
        if _is_free(name, real):
            return name
    return f"{wanted}_{digest[:8]}_{by_path[:8]}"


def _is_free(name: str, real: Path) -> bool:
    """Whether no other module has the name, neither an imported one nor one that can be imported."""
    there = sys.modules.get(name)
    return importlib.util.find_spec(name) is None if there is None else _real_path(there) == real


def _real_path(module: ModuleType) -> Path | None:
    """The file of a module that was loaded here: it may take the place of an older content of its own."""
    real: Path | None = getattr(module, "__thrift_real_path__", None)
    return real


def _register(name: str, module: ModuleType) -> None:
    there = sys.modules.get(name)
    if there is not None and _real_path(there) != _real_path(module):
        raise ConfigurationError(f"module_name={name!r}: there is another module of that name: give another one")
    parent, _, last = name.rpartition(".")
    if parent:
        try:
            setattr(importlib.import_module(parent), last, module)
        except ImportError as error:
            raise ConfigurationError(f"module_name={name!r}: {parent} cannot be imported: {error}") from error
    sys.modules[name] = module
