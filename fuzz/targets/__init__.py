"""The targets by name. One more is one module more, and one line here."""

from __future__ import annotations

from typing import Final

from fuzz.target import Target
from fuzz.targets import batch, compact, core, header, idl, json, thrift, thrift_json

_ALL: Final = (
    batch.TARGET,
    header.TARGET,
    thrift.TARGET,
    compact.TARGET,
    thrift_json.TARGET,
    idl.TARGET,
    json.TARGET,
    core.TARGET,
)
TARGETS: Final[dict[str, Target]] = {one.name: one for one in _ALL}
"""What is fuzzed: one decoder, what it may raise, and where to begin."""
