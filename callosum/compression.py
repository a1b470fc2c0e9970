"""Compression of bodies: what a user asks for, and the codecs.

Laws: no number of bytes that the other side merely announces is ever allocated. What a body says about its plain size
is checked first: against the limit, and against what so few bytes can become at most. Whatever comes in, `decompress`
returns what was compressed, or raises DecodeError.

The protocol knows compressions by the numbers in the flags of a record; the handshake and users know them by name.
Without the package ``cramjam`` there are none (``pip install callosum[compression]``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, final

from callosum.errors import ConfigurationError, DecodeError, Outcome
from callosum.service import Body

_IS_INSTALLED = True
if TYPE_CHECKING:
    import cramjam
else:
    try:
        import cramjam
    except ModuleNotFoundError as _missing:
        if _missing.name != "cramjam":
            raise
        _IS_INSTALLED = False

SNAPPY: Final = 1
ZSTD: Final = 2
NUMBERS: Final[Mapping[str, int]] = {"snappy": SNAPPY, "zstd": ZSTD}
"""By name: the numbers that the flags of a record have."""
NAMES: Final[Mapping[int, str]] = {number: name for name, number in NUMBERS.items()}
OFF: Final = "none"
THRESHOLD: Final = 512
"""Bytes: a body that is not larger is left alone."""
ZSTD_LEVEL: Final = 1
"""The fastest of the usual ones; on messages of some KiB the others gain next to nothing."""


def offered() -> tuple[str, ...]:
    """The names of what this process can decompress."""
    return tuple(NUMBERS) if _IS_INSTALLED else ()


def numbers_of(names: Iterable[str]) -> frozenset[int]:
    """The numbers of those that this process knows, too."""
    return frozenset(NUMBERS[name] for name in names if name in offered())


@dataclass(frozen=True, slots=True)
class Compression:
    """How bodies are compressed that are sent, where the other side can decompress them.

    Raises:
        ConfigurationError: There is no such compression, the package for it is not installed, or the threshold cannot
            be.
    """

    name: str = "snappy"
    """``snappy``, ``zstd``, or ``none``, which switches it off."""
    threshold: int = THRESHOLD
    """Bytes: a body that is not larger is left alone."""

    def __post_init__(self) -> None:
        if self.name != OFF and self.name not in NUMBERS:
            raise ConfigurationError(
                f"compression={self.name!r}: there are {', '.join(map(repr, NUMBERS))} and {OFF!r}"
            )
        threshold: object = self.threshold
        if not isinstance(threshold, int) or threshold < 0:
            raise ConfigurationError(f"compression: threshold={self.threshold!r}: give a number of bytes")
        if self.name != OFF and not _IS_INSTALLED:
            raise ConfigurationError(
                f"compression={self.name!r}: its package is not installed: pip install callosum[compression]"
            )

    @property
    def is_off(self) -> bool:
        """Whether it says that nothing is compressed."""
        return self.name == OFF


def compression_of(option: Compression | str | None) -> Compression | None:
    """An option as users write it; None where nothing was said.

    Raises:
        ConfigurationError: It is none.
    """
    if option is None or isinstance(option, Compression):
        return option
    if isinstance(option, str):  # whatever the annotation says, users give other things
        return Compression(option)
    raise ConfigurationError(f"compression={option!r}: give a name, or a callosum.Compression")


# --- the codecs -------------------------------------------------------------------------------------------------------


def compress(body: Body, kind: int, threshold: int = THRESHOLD) -> tuple[Body, int]:
    """The body to send, and what it is compressed with: 0 where it is short, or does not shrink."""
    if len(body) <= threshold:
        return body, 0
    packed = cramjam.snappy.compress_raw(body) if kind == SNAPPY else cramjam.zstd.compress(body, ZSTD_LEVEL)
    return (bytes(packed), kind) if len(packed) < len(body) else (body, 0)


def decompress(body: Body, kind: int, limit: int) -> bytes:
    """What was compressed, where that has at most ``limit`` bytes.

    Raises:
        DecodeError: It has more, the body is damaged, or this process cannot decompress it.
    """
    plain = bytearray(plain_size(body, kind, limit))
    try:
        if kind == SNAPPY:
            written = cramjam.snappy.decompress_raw_into(body, plain)
        else:
            written = cramjam.zstd.decompress_into(body, plain)
    except cramjam.DecompressionError as error:
        raise DecodeError(f"a body is not valid {NAMES[kind]}: {error}") from None
    if written != len(plain):
        raise DecodeError(f"a body in {NAMES[kind]} says that it has {len(plain)} bytes, and has {written}")
    return bytes(plain)


def plain_size(body: Body, kind: int, limit: int) -> int:
    """How many bytes `decompress` will give, by the body's own account, as far as that is possible.

    Raises:
        DecodeError: They are over the limit, or it cannot be.
    """
    if not _IS_INSTALLED or kind not in NAMES:
        raise not_offered(kind)
    size, most = _snappy_sizes(body) if kind == SNAPPY else _zstd_sizes(body)
    if size > limit:
        raise DecodeError(f"a body in {NAMES[kind]} has {size} bytes; {limit} are the most that is received")
    if size > most:
        raise DecodeError(f"a body in {NAMES[kind]} says that it has {size} bytes, and cannot have over {most}")
    return size


def not_offered(kind: int) -> DecodeError:
    """The error for a body that is compressed with what this side did not say that it decompresses."""
    return DecodeError(f"a body is compressed ({NAMES.get(kind, kind)}), and this side did not offer to take such")


def _snappy_sizes(body: Body) -> tuple[int, int]:
    """The declared size, and what it can be at most: 3 bytes are a copy of up to 64."""
    try:
        return cramjam.snappy.decompress_raw_len(body), 64 * len(body) // 3
    except cramjam.DecompressionError as error:
        raise DecodeError(f"a body is not valid snappy: {error}") from None


# RFC 8878, 3.1.1: the layout of a frame. The library would decode several frames in a row, and take memory for the
# window of each as it says: so a body is one frame, which says how large its content is. Then the window is no larger.
_MAGIC: Final = b"\x28\xb5\x2f\xfd"
_BLOCK: Final = 128 * 1024
"""Bytes that one block becomes at most."""
_SINGLE_SEGMENT: Final = 0x20
_CHECKSUM: Final = 0x04
_RESERVED_OR_DICTIONARY: Final = 0x0B
_SMALL_BLOCK: Final = 256
"""Bytes of content for each block, on average: no encoder makes smaller ones, and a walk over millions takes long."""
_FEW_BLOCKS: Final = 64


def _zstd_sizes(body: Body) -> tuple[int, int]:
    """The declared size, and what its blocks can become at most."""
    start, size, has_checksum = _zstd_header(body)
    at, most, is_last = start, 0, False
    blocks_left = _FEW_BLOCKS + size // _SMALL_BLOCK
    while not is_last:
        block = int.from_bytes(body[at : at + 3], "little")
        kind, length = block >> 1 & 3, block >> 3
        blocks_left -= 1
        if at + 3 > len(body) or kind == 3 or length > _BLOCK or blocks_left < 0:
            raise DecodeError("a body is not valid zstd: its blocks are damaged, or too many")
        is_last = bool(block & 1)
        at += 3 + (1 if kind == 1 else length)  # a block of one repeated byte holds that byte
        most += _BLOCK if kind == 2 else length
    if at + (4 if has_checksum else 0) != len(body):
        raise DecodeError("a body is not valid zstd: it is not one frame")
    return size, most


def _zstd_header(body: Body) -> tuple[int, int, bool]:
    """Where the blocks begin, the declared size, and whether a checksum follows."""
    descriptor = body[4] if len(body) > 4 and body[:4] == _MAGIC else _RESERVED_OR_DICTIONARY
    if descriptor & _RESERVED_OR_DICTIONARY:
        raise DecodeError("a body is not valid zstd: it does not begin as a frame without a dictionary")
    is_single = bool(descriptor & _SINGLE_SEGMENT)
    at = 5 if is_single else 6
    width = (1 if is_single else 0, 2, 4, 8)[descriptor >> 6]
    if not width or len(body) < at + width:
        raise DecodeError("a body is not valid zstd: it does not say how large its content is")
    size = int.from_bytes(body[at : at + width], "little") + (256 if width == 2 else 0)
    return at + width, size, bool(descriptor & _CHECKSUM)


@final
class PackedBody:
    """The body of a reply, or of an item, that is compressed: it is decompressed in the task that needs it."""

    __slots__ = ("_body", "_decompress", "_kind")

    def __init__(self, body: Body, kind: int, decompress: Callable[[Body, int], bytes]) -> None:
        self._body = body
        self._kind = kind
        self._decompress = decompress

    def unpack(self) -> bytes:
        """The plain body.

        Raises:
            DecodeError: It is damaged, over the limit, or compressed with something that this side did not offer.
        """
        try:
            return self._decompress(self._body, self._kind)
        except DecodeError as error:
            error.outcome = Outcome.EXECUTED  # there is a result, or an item
            raise
