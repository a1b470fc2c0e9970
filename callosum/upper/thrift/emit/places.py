"""Where generated modules are, and how one imports another."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from callosum.upper.thrift.idl.model import Document
from callosum.upper.thrift.naming import python_name

ModulePath = tuple[str, ...]
"""The names of the packages and of the module: ``("shop", "orders")`` is ``shop/orders.py``."""


def module_paths(documents: Iterable[Document]) -> Mapping[Document, ModulePath]:
    """The module of each file: its ``namespace py``, or else its own name; both where several share a namespace."""
    listed = list(documents)
    wanted = {one: _path(one.namespace("py", "*") or one.stem) for one in listed}
    shared = Counter(wanted.values())
    return {one: path if shared[path] == 1 else (*path, *_path(one.stem)) for one, path in wanted.items()}


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
