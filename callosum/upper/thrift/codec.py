"""The encodings that there are, and codecs that are made when they are first used."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from callosum.service import MethodCodec
from callosum.upper.thrift.binary import BINARY
from callosum.upper.thrift.compact import COMPACT
from callosum.upper.thrift.compiled import CompiledCodec
from callosum.upper.thrift.encoding import Encoding
from callosum.upper.thrift.json_protocol import JSON

ENCODINGS: Final[tuple[Encoding, ...]] = (BINARY, COMPACT, JSON)
"""All of them, the preferred one first."""


def codec_of(cls: type) -> CompiledCodec:
    """The codec of a struct, union or exception class, in the preferred encoding.

    Raises:
        ConfigurationError: The metadata of the class is not what thriftpy2 makes of a sound IDL.
    """
    return BINARY.codec_of(cls)


class MethodCodecs(Mapping[str, MethodCodec]):
    """The codecs of a method by the names of their encodings. Each is made when it is first asked for."""

    def __init__(self, makers: Mapping[str, Callable[[], MethodCodec]]) -> None:
        self._makers = makers
        self._made: dict[str, MethodCodec] = {}

    def __getitem__(self, name: str) -> MethodCodec:
        codec = self._made.get(name)
        if codec is None:
            codec = self._made[name] = self._makers[name]()
        return codec

    def __contains__(self, name: object) -> bool:
        return name in self._makers

    def __iter__(self) -> Iterator[str]:
        return iter(self._makers)

    def __len__(self) -> int:
        return len(self._makers)
