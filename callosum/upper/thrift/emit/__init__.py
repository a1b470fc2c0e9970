"""Writes the Python source of a .thrift file: what `load` executes, and ``callosum-gen stubs`` writes to a file."""

from __future__ import annotations

from callosum.upper.thrift.emit.module import emit
from callosum.upper.thrift.emit.places import module_paths, relative_import

__all__ = ["emit", "module_paths", "relative_import"]
