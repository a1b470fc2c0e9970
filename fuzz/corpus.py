"""The kept inputs: one small file each, in ``fuzz/corpus/<target>/``."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parent / "corpus"
MAX_FILE: Final = 64 * 1024
"""Bytes of the largest file: what must be larger is a bomb, which is made and not kept."""


def load(target: str, folder: Path = FOLDER) -> dict[str, bytes]:
    """The inputs of a target by the names of their files, in the same order everywhere."""
    return {path.name: path.read_bytes() for path in sorted((folder / target).glob("*.bin"))}


def keep(target: str, data: bytes, name: str = "", folder: Path = FOLDER) -> Path | None:
    """Write an input, named by its content where it has no name; None where it is too large to be kept."""
    if len(data) > MAX_FILE:
        return None
    stem = name or f"found-{hashlib.sha256(data).hexdigest()[:12]}"
    path = folder / target / f"{stem}.bin"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path
