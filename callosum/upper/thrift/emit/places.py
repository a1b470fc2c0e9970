"""Where generated modules are, and how one imports another."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping

from callosum.upper.thrift.idl.model import Document
from callosum.upper.thrift.naming import python_name

ModulePath = tuple[str, ...]
"""The names of the packages and of the module: ``("shop", "orders")`` is ``shop/orders.py``."""


def module_paths(documents: Iterable[Document]) -> Mapping[Document, ModulePath]:
    """The module of each file: its ``namespace py``, or else its own name.

    Files that share a namespace are modules in a package of that name; files that share even their names are told apart
    by the folders in which they are.
    """
    listed = list(documents)
    paths = {one: _path(one.namespace("py", "*") or one.stem) for one in listed}
    _tell_apart(paths, lambda one, path: (*path, *_path(one.stem)) if one.namespace("py", "*") else path)
    depth = max((len(_folders(one)) for one in listed), default=0)
    for level in range(1, depth + 1):
        _tell_apart(paths, lambda one, path, level=level: (*_nearest(one, level), *path))  # type: ignore[misc]
    return paths


def _tell_apart(paths: dict[Document, ModulePath], longer: Callable[[Document, ModulePath], ModulePath]) -> None:
    """Give those a longer path whose paths are the same."""
    counts = Counter(paths.values())
    for one, path in paths.items():
        if counts[path] > 1:
            paths[one] = longer(one, path)


def _folders(document: Document) -> tuple[str, ...]:
    path = document.path if document.real_path is None else document.real_path.as_posix()
    return tuple(part for part in path.replace("\\", "/").split("/")[:-1] if part)


def _nearest(document: Document, level: int) -> ModulePath:
    """The name of the folder that is so many levels above a file."""
    folders = _folders(document)
    return _path(folders[-level].replace(".", "_")) if level <= len(folders) else ()


def _path(name: str) -> ModulePath:
    parts = ("".join(c if c.isalnum() or c == "_" else "_" for c in part) for part in name.split("."))
    return tuple(python_name(part if part.isidentifier() else f"_{part}") for part in parts)


def relative_import(importer: ModulePath, imported: ModulePath, alias: str) -> str:
    """The line by which a module imports another one below the same package."""
    here = importer[:-1]
    common = 0
    while common < min(len(here), len(imported) - 1) and here[common] == imported[common]:
        common += 1
    package = "." * (len(here) - common + 1) + ".".join(imported[common:-1])
    return f"from {package} import {imported[-1]} as {alias}"
