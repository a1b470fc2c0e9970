"""The .thrift files that a command line names, read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from callosum.errors import ConfigurationError
from callosum.upper.thrift.idl.faults import Fault, IdlError
from callosum.upper.thrift.idl.model import Program
from callosum.upper.thrift.idl.reading import read
from callosum_codegen.settings import Settings, settings_for


@dataclass(frozen=True, slots=True)
class Input:
    """A .thrift file that was named, or was found in a folder that was named."""

    path: Path
    named: Path
    """What the command line says: the file, or the folder."""

    @property
    def settings(self) -> Settings:
        """What pyproject.toml says about it."""
        return settings_for(self.path)

    def include_dirs(self, given: Iterable[Path]) -> tuple[Path, ...]:
        """Those of the command line, then those of pyproject.toml."""
        return (*given, *self.settings.include_dirs)


def inputs(named: Sequence[Path]) -> list[Input]:
    """The files that were named; of a folder, all .thrift files in it and below, each file once.

    Raises:
        ConfigurationError: A folder has none.
    """
    found: dict[Path, Input] = {}
    for one in named:
        files = thrift_files(one) if one.is_dir() else [one]
        if not files:
            raise ConfigurationError(f"{one}: the folder has no .thrift file")
        for path in files:
            found.setdefault(path.resolve(), Input(path, one))
    return list(found.values())


def thrift_files(folder: Path) -> list[Path]:
    """All .thrift files in a folder and below, but for those in hidden folders, such as ``.venv``."""
    found = (one for one in folder.rglob("*.thrift") if one.is_file())
    return sorted(one for one in found if not any(part.startswith(".") for part in one.relative_to(folder).parts))


def read_all(files: Iterable[Input], include_dirs: Sequence[Path]) -> list[tuple[Input, Program]]:
    """The files with all that they include.

    Raises:
        IdlError: The faults of all of them.
    """
    faults: dict[Fault, None] = {}
    programs: list[tuple[Input, Program]] = []
    for one in files:
        try:
            programs.append((one, read(one.path, one.include_dirs(include_dirs))))
        except IdlError as error:
            faults.update(dict.fromkeys(error.faults))  # two that include the same file have the same
    if faults:
        raise IdlError(list(faults))
    return programs
