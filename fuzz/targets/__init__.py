"""The targets by name. One more is one module more, and one line here."""

from __future__ import annotations

from typing import Final

from fuzz.target import Target
from fuzz.targets import batch, core, header, thrift

TARGETS: Final[dict[str, Target]] = {one.name: one for one in (batch.TARGET, header.TARGET, thrift.TARGET, core.TARGET)}
