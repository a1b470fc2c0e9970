"""The checksum of contents: xxh3, 128 bit, from the package ``xxhash``."""

from __future__ import annotations

from typing import Protocol

from callosum.errors import ConfigurationError


class Checksum(Protocol):
    """What a checksum does."""

    def update(self, data: bytes | memoryview, /) -> None:
        """Take more of the content in. Large pieces release the interpreter's lock."""

    def digest(self) -> bytes:
        """16 bytes, big-endian, of what was taken in so far."""
        ...


def new_checksum() -> Checksum:
    """Of nothing yet.

    Raises:
        ConfigurationError: The package is not installed.
    """
    try:
        import xxhash  # noqa: PLC0415 - an extra: who transfers no files needs none
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            "callosum.files needs the package xxhash for its checksums: pip install 'callosum[files]'"
        ) from error
    return xxhash.xxh3_128()
