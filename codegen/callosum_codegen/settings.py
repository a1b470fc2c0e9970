"""``[tool.callosum-gen]`` of the nearest pyproject.toml.

Law: what it says is obeyed or refused. A key or a rule that nobody knows is a ConfigurationError that names the file.
"""

from __future__ import annotations

import difflib
import functools
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from callosum.errors import ConfigurationError

TABLE = "tool.callosum-gen"


@dataclass(frozen=True, slots=True)
class Settings:
    """What a pyproject.toml says about the files in its folder and below."""

    path: Path | None = None
    """The pyproject.toml, or None where there is none with our table."""
    ignore: frozenset[str] = frozenset()
    """Rules that are switched off."""
    enable: frozenset[str] = frozenset()
    """Rules of ``lint`` that are off where nobody says so, and are switched on."""
    include_dirs: tuple[Path, ...] = ()
    """Where included files are looked for, besides the folder of the file that includes them."""


def settings_for(file: Path) -> Settings:
    """What the nearest pyproject.toml that has our table says about a file."""
    return _settings_in(file.resolve().parent)


@functools.cache
def _settings_in(folder: Path) -> Settings:
    path = folder / "pyproject.toml"
    table = _table(path) if path.is_file() else None
    if table is not None:
        return _read(path, table)
    return Settings() if folder.parent == folder else _settings_in(folder.parent)


def _table(path: Path) -> dict[str, object] | None:
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{path}: it cannot be read: {error}") from error
    tools = content.get("tool", {})
    table = tools.get("callosum-gen") if isinstance(tools, dict) else None
    if table is not None and not isinstance(table, dict):
        raise ConfigurationError(f"{path}: {TABLE} is not a table: write [{TABLE}]")
    return table


def _read(path: Path, table: dict[str, object]) -> Settings:
    known = {"ignore", "enable", "include-dirs"}
    for key in table.keys() - known:
        raise ConfigurationError(f"{path}: [{TABLE}] has no key {key!r}: {did_you_mean(key, known)}")
    folders = tuple(path.parent / one for one in _texts(path, table, "include-dirs"))
    for folder in folders:
        if not folder.is_dir():
            raise ConfigurationError(f"{path}: include-dirs of [{TABLE}]: {folder} is not a folder")
    ignore, enable = _texts(path, table, "ignore"), _texts(path, table, "enable")
    return Settings(path, frozenset(ignore), frozenset(enable), folders)


def _texts(path: Path, table: dict[str, object], key: str) -> list[str]:
    value = table.get(key, [])
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise ConfigurationError(f'{path}: {key} of [{TABLE}] is a list of texts: {key} = ["..."]')
    return value


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """What somebody may have meant, or all that there is."""
    there = sorted(known)
    near = difflib.get_close_matches(word, there, n=3)
    if near:
        return f"did you mean {' or '.join(near)}?"
    return f"there is {', '.join(there)}" if len(there) < 10 else "--list-rules shows them"
