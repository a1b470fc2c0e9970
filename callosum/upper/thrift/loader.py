"""`load`: a .thrift file, and what it includes, as modules.

What is executed is what ``callosum-gen stubs`` writes. Laws: a file is loaded once for each content (its own and that
of its includes), by its real path, however it was named; two files are two modules, also where their names are the
same. Whatever is wrong with a file is a ConfigurationError that says where.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import linecache
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from threading import RLock
from types import ModuleType
from typing import Final

from callosum.errors import ConfigurationError
from callosum.upper.thrift.annotated import check_annotations, check_names
from callosum.upper.thrift.codec import ENCODINGS
from callosum.upper.thrift.emit import emit
from callosum.upper.thrift.idl.model import Document, Program
from callosum.upper.thrift.idl.reading import read, read_text

Location = str | os.PathLike[str]

_lock: Final = RLock()
_loaded: Final[dict[tuple[str, str], ModuleType]] = {}
"""By the real path, and the digest of the content and of that of all includes."""


def load(path: Location, include_dirs: Iterable[Location] = (), *, module_name: str | None = None) -> ModuleType:
    """Read a .thrift file: a module of its structs, enums, unions, exceptions, constants and services.

    Loading the same file again gives the same module, as long as it and what it includes are the same. The module is
    put into `sys.modules`, so that instances can be pickled. It is what ``callosum-gen stubs`` would have written.

    Args:
        path: The file. A relative path is one from the working directory.
        include_dirs: Where included files are looked for besides the folder of the file that includes them.
        module_name: The module's name. By default that of ``namespace py``, else the file's name and ``_thrift``, with
            a suffix where another module has that name.

    Raises:
        ConfigurationError: A file is not there, or cannot be read, or what it says cannot be; then it is an `IdlError`,
            which has a line for each fault: ``file:line:column: what is wrong, and what to do``.
    """
    folders = _folders(include_dirs)
    given = Path(os.fspath(path))
    if not given.is_file():
        what = "is a folder" if given.is_dir() else "does not exist"
        raise ConfigurationError(f"{given}: the file {what}: looked for it as {Path.cwd() / given}")
    with _lock:
        return _load(read_program(path, folders), module_name)


def load_string(
    text: str, include_dirs: Iterable[Location] = (), *, path: str = "<string>", module_name: str | None = None
) -> ModuleType:
    """Read the text of a .thrift file: as `load` does, for text that comes from somewhere else.

    Args:
        text: The text.
        include_dirs: Where included files are looked for.
        path: What the text is called in messages.
        module_name: The module's name. By default that of ``namespace py``, else one that is made of the text.

    Raises:
        IdlError: What the text says cannot be.
        ConfigurationError: Something else is wrong.
    """
    folders = _folders(include_dirs)
    with _lock:
        program = read_text(text, path=path, include_dirs=folders)
        _check(program)
        return _load(program, module_name)


def read_program(path: Location, include_dirs: Iterable[Location] = ()) -> Program:
    """A .thrift file and all that it includes, checked for what callosum makes of it too.

    Raises:
        IdlError: A file has faults.
    """
    program = read(path, include_dirs)
    _check(program)
    return program


def _check(program: Program) -> None:
    check_annotations(program, tuple(one.name.removeprefix("thrift-") for one in ENCODINGS))
    check_names(program)


def _folders(include_dirs: Iterable[Location]) -> list[Path]:
    if isinstance(include_dirs, str | bytes | os.PathLike):
        raise ConfigurationError(f"include_dirs={include_dirs!r}: give a list of folders")
    return [Path(os.fspath(one)) for one in include_dirs]


def _load(program: Program, module_name: str | None) -> ModuleType:
    digests = {one: _digest(program, one) for one in program.documents}
    modules: dict[Document, ModuleType] = {}
    new: list[Document] = []
    for one in program.documents:
        wanted = module_name if one is program.root else None
        known = _loaded.get((_key(one), digests[one]))
        if known is None:
            name = wanted or _free_name(one, digests[one])
            known = ModuleType(name)
            vars(known)["__thrift_digest__"], vars(known)["__thrift_real_path__"] = digests[one], one.real_path
            new.append(one)
        _register(wanted or known.__name__, known)
        modules[one] = known
    try:
        for one in new:
            _execute(program, one, modules)
    except BaseException:
        for one in new:
            sys.modules.pop(modules[one].__name__, None)
        raise
    for one in new:
        _loaded[_key(one), digests[one]] = modules[one]
    return modules[program.root]


def _key(document: Document) -> str:
    return str(document.real_path or document.path)


def _execute(program: Program, document: Document, modules: Mapping[Document, ModuleType]) -> None:
    module = modules[document]
    source = emit(program, document, lambda included, alias: f"import {modules[included].__name__} as {alias}")
    name = f"<{module.__name__}, of {document.path}>"
    code = compile(source, name, "exec", dont_inherit=True)
    linecache.cache[name] = len(source), None, source.splitlines(keepends=True), name  # for tracebacks
    try:
        exec(code, vars(module))  # noqa: S102
    except AttributeError as error:
        raise ConfigurationError(
            f"{document.path}: {error}: the file and what it includes include one another in a circle, and each needs "
            "something of the other first: move what both need into a file that both include"
        ) from error


def _digest(program: Program, document: Document) -> str:
    """Of the content of a file, and of all that it includes."""
    digest = hashlib.sha256()
    for one in _included(program, document):
        digest.update(f"{_key(one)}\0{len(one.text)}\0{one.text}".encode())
    return digest.hexdigest()


def _included(program: Program, document: Document) -> Iterator[Document]:
    """A file and all that it includes, each once."""
    seen = {document}
    waiting = [document]
    while waiting:
        here = waiting.pop()
        yield here
        for one in program.includes[here].values():
            if one not in seen:
                seen.add(one)
                waiting.append(one)


def _free_name(document: Document, digest: str) -> str:
    """A name for the module that no other module has, and that is the same in each process."""
    stem = "".join(one if one.isalnum() else "_" for one in document.stem)
    wanted = (document.namespace("py", "*") or f"{stem}_thrift").replace(".", "_")
    by_path = hashlib.sha256(_key(document).encode()).hexdigest()
    for name in (wanted, f"{wanted.removesuffix('_thrift')}_thrift", f"{wanted}_{digest[:8]}"):
        if _is_free(name, document.real_path):
            return name
    return f"{wanted}_{digest[:8]}_{by_path[:8]}"


def _is_free(name: str, real: Path | None) -> bool:
    """Whether no other module has the name, neither an imported one nor one that can be imported."""
    there = sys.modules.get(name)
    if there is None:
        return importlib.util.find_spec(name) is None
    return real is not None and _real_path(there) == real


def _real_path(module: ModuleType) -> Path | None:
    """The file of a module that was loaded here: it may take the place of an older content of its own."""
    real: Path | None = getattr(module, "__thrift_real_path__", None)
    return real


def _register(name: str, module: ModuleType) -> None:
    there = sys.modules.get(name)
    if there is module:
        return
    if there is not None and (_real_path(module) is None or _real_path(there) != _real_path(module)):
        raise ConfigurationError(f"module_name={name!r}: there is another module of that name: give another one")
    parent, _, last = name.rpartition(".")
    if parent:
        try:
            setattr(importlib.import_module(parent), last, module)
        except ImportError as error:
            raise ConfigurationError(f"module_name={name!r}: {parent} cannot be imported: {error}") from error
    sys.modules[name] = module
