"""Which lower layer an address means: by its scheme, through the entry points ``callosum.lower``."""

from __future__ import annotations

import importlib.metadata
from functools import cache

from callosum.errors import ConfigurationError
from callosum.lower.base import LowerLayer


@cache
def _layers() -> dict[str, importlib.metadata.EntryPoint]:
    return {point.name: point for point in importlib.metadata.entry_points(group="callosum.lower")}


def lower_layer(address: str) -> LowerLayer:
    """The lower layer of an address.

    Raises:
        ConfigurationError: The address has no scheme, or no installed layer has it.
    """
    scheme, separator, _ = address.partition("://")
    known = ", ".join(f"{name}://" for name in sorted(_layers()))
    if not separator:
        raise ConfigurationError(
            f"the address {address!r} has no scheme; write for example tcp://127.0.0.1:5030 ({known})"
        )
    point = _layers().get(scheme)
    if point is None:
        raise ConfigurationError(
            f"the address {address!r}: no installed lower layer has the scheme {scheme}:// ({known})"
        )
    layer: LowerLayer = point.load()()
    return layer
