"""Where the old version of a file is: in a folder, or in git, from where it is copied to a folder of its own."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from callosum.errors import ConfigurationError
from callosum_codegen.inputs import Input

_LINK = "120000"
"""The mode of a symbolic link in git."""


@dataclass(frozen=True, slots=True)
class OldFiles:
    """A folder with the old files, or the one old file, and how the new files' paths lead there."""

    folder: Path
    root: Path | None = None
    """The new files are at the same place below this folder; None where only the ends of the paths are the same."""

    def of(self, path: Path) -> Path | None:
        """The old file, or folder, of a new one; None where there is none."""
        wanted = Path.is_dir if path.is_dir() else Path.is_file
        return next((one for one in self._candidates(path.resolve()) if wanted(one)), None)

    def _candidates(self, path: Path) -> Iterator[Path]:
        if self.folder.is_file():
            yield self.folder
        elif self.root is not None:
            if path.is_relative_to(self.root):
                yield self.folder / path.relative_to(self.root)
        else:
            parts = path.parts[1:]
            yield from (self.folder.joinpath(*parts[start:]) for start in range(len(parts)))

    def of_folder(self, named: Path) -> Path:
        """The old version of a folder of new files; all that was given where it has none of that name."""
        there = self.of(named)
        return there or self.folder

    def of_input(self, one: Input) -> Path | None:
        """The old file of a new one that was named, or is in a folder that was."""
        if not one.named.is_dir():
            return self.of(one.path)
        there = self.of_folder(one.named) / one.path.relative_to(one.named)
        return there if there.is_file() else None

    def include_dirs(self, given: tuple[Path, ...]) -> tuple[Path, ...]:
        """The old versions of folders with included files; those that have none as they are."""
        return tuple(self.of(one) or one for one in given)


def old_files(against: str, scratch: Path, beside: Path) -> OldFiles:
    """The old version, by the name that was given for it.

    Args:
        against: A folder, a file, or a git ref.
        scratch: An empty folder for what is copied out of git.
        beside: A file or folder in the git repository.

    Raises:
        ConfigurationError: It is none of them.
    """
    given = Path(against)
    if given.exists():
        return OldFiles(given.resolve())
    root = _repository(against, beside)
    _check_ref(against, root)
    _copy(against, root, scratch)
    return OldFiles(scratch, root)


def _repository(against: str, beside: Path) -> Path:
    folder = beside if beside.is_dir() else beside.parent
    found = _git(folder.resolve(), "rev-parse", "--show-toplevel")
    if found.returncode:
        raise ConfigurationError(
            f"--against {against}: there is no such folder, and {beside} is in no git repository in which it could be "
            f"a ref (git says: {found.stderr.decode(errors='replace').strip()})"
        )
    return Path(found.stdout.decode().strip()).resolve()


def _check_ref(ref: str, root: Path) -> None:
    if _git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{tree}}").returncode:
        raise ConfigurationError(
            f"--against {ref}: there is no such folder, and no such branch, tag or commit in {root}. A branch that is "
            f"not here yet: git fetch origin {ref}, then --against origin/{ref}"
        )


def _copy(ref: str, root: Path, scratch: Path) -> None:
    """Copy all .thrift files of a ref: what they include is among them."""
    listing = _checked(root, "ls-tree", "-r", "-z", "--full-tree", f"{ref}^{{tree}}").decode("utf-8", "surrogateescape")
    paths: dict[str, str] = {}
    for line in filter(None, listing.split("\0")):
        details, _, path = line.partition("\t")
        mode, kind, blob = details.split()
        if kind == "blob" and mode != _LINK and path.endswith(".thrift"):
            paths[path] = blob
    for path, content in zip(paths, _contents(root, list(paths.values())), strict=True):
        there = scratch / path
        there.parent.mkdir(parents=True, exist_ok=True)
        there.write_bytes(content)


def _contents(root: Path, blobs: list[str]) -> Iterator[bytes]:
    """What is in the blobs, in their order."""
    output = _checked(root, "cat-file", "--batch", given="".join(f"{one}\n" for one in blobs).encode())
    position = 0
    for _ in blobs:
        end = output.index(b"\n", position)
        size = int(output[position:end].split()[-1])
        yield output[end + 1 : end + 1 + size]
        position = end + 1 + size + 1


def _checked(root: Path, *arguments: str, given: bytes = b"") -> bytes:
    run = _git(root, *arguments, given=given)
    if run.returncode:
        raise ConfigurationError(f"git {' '.join(arguments)} failed: {run.stderr.decode(errors='replace').strip()}")
    return run.stdout


def _git(folder: Path, *arguments: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    command = ["git", "-C", str(folder), *arguments]
    try:
        return subprocess.run(command, input=given, capture_output=True, check=False)
    except FileNotFoundError:
        raise ConfigurationError("--against with a git ref needs git, which is not installed: give a folder") from None
