"""Encodings whose codecs are compiled: a struct becomes one straight-line encoder and one decoder.

The source text of a struct's functions is written by the encoding's own writers and executed once, together with all
structs that it can hold and that have none yet, and kept on the class.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Any, Final, Protocol

from callosum.errors import DecodeError
from callosum.service import Body
from callosum.upper.thrift import fault, mismatch
from callosum.upper.thrift.diagnosis import left_over
from callosum.upper.thrift.encoding import Report, source_for, write_function
from callosum.upper.thrift.fault import PADDING
from callosum.upper.thrift.footprint import ALLOWANCE, RATIO
from callosum.upper.thrift.hashing import hashed, quicken
from callosum.upper.thrift.mismatch import encode_error
from callosum.upper.thrift.source import Source
from callosum.upper.thrift.spec import Field, Struct, StructType, reachable, recursive, struct_of

Adder = Callable[[bytes], None]
Encoder = Callable[[Any, Adder, int], None]  # values of any IDL type
Decoder = Callable[[bytes, int, int, list[Any]], tuple[Any, int]]  # values of any IDL type
Diagnosis = Callable[[Struct, bytes, str, int], DecodeError]
"""Finds out why a body was refused: the struct, the body, the path, and what was left of its room."""

_lock: Final = Lock()


class EncoderWriter(Protocol):
    """Writes encoders into one source text."""

    def struct_encoder(self, struct: Struct) -> None:
        """Write ``def name(value, add, depth)``."""

    def body(self, struct: Struct, names: Sequence[str]) -> str:
        """Write what encodes the values of all fields, which have these names.

        Returns:
            The expression of what is to be joined.
        """
        ...


class DecoderWriter(Protocol):
    """Writes decoders into one source text."""

    def struct_decoder(self, struct: Struct) -> None:
        """Write ``def name(buf, pos, depth, room)``, which returns an instance and the position behind it."""

    def body_decoder(self, name: str, struct: Struct, report: str, behind: str, result: Field | None = None) -> None:
        """Write ``def name(body)``, which takes a whole body and returns the values of all fields as a tuple.

        Args:
            name: That of the function.
            struct: What is read.
            report: The name of what makes the error.
            behind: The name of what makes it where bytes are left over.
            result: The field that is expected alone, and whose value is returned then as it is.
        """


@dataclass(frozen=True, slots=True, eq=False)
class CompiledCodec:
    """The functions of one struct."""

    struct: Struct
    encoder: Encoder
    decoder: Decoder
    diagnosis: Diagnosis

    def encode(self, value: object, path: str = "") -> bytes:
        """The value as bytes; raises EncodeError."""
        parts: list[bytes] = []
        try:
            self.encoder(value, parts.append, 1)
        except mismatch.FAULTS as error:
            raise encode_error(StructType(self.struct.cls), value, path or self.struct.name, error) from None
        return b"".join(parts)

    def decode(self, body: Body, path: str = "") -> Any:  # a value of any IDL type
        """The value of the bytes; raises DecodeError."""
        buf = b"".join((body, PADDING))
        size = len(buf) - len(PADDING)
        left = [ALLOWANCE + RATIO * size]
        try:
            value, end = self.decoder(buf, 0, 1, left)
            if end == size and left[0] >= 0:
                return value
        except fault.FAULTS:
            end = size + 1
        if end < size and left[0] >= 0:
            raise left_over(size - end, path or self.struct.name)  # without a search: that would take as long again
        raise self.diagnosis(self.struct, buf[:size], path or self.struct.name, left[0])


@dataclass(frozen=True, slots=True, eq=False)
class CompiledEncoding:
    """An `Encoding` that is made of writers."""

    name: str
    void: bytes
    encoder_writer: Callable[[Source, dict[type, str], set[type]], EncoderWriter]
    """Takes the text, the names of the structs' encoders in it, and the classes that can hold themselves."""
    decoder_writer: Callable[[Source, dict[type, str], set[type]], DecoderWriter]
    """The same for decoders."""
    diagnosis: Diagnosis

    @property
    def _attribute(self) -> str:
        return f"__callosum_{self.name.replace('-', '_')}__"

    def codec_of(self, cls: type) -> CompiledCodec:
        """The codec of a struct, union or exception class, compiled where it is not yet."""
        codec: CompiledCodec | None = cls.__dict__.get(self._attribute)
        if codec is None:
            with _lock:
                self._compile(struct_of(cls))
            made: CompiledCodec = cls.__dict__[self._attribute]
            return made
        return codec

    def _compile(self, root: Struct) -> None:
        """Compile the struct and all that it can hold."""
        structs, attribute = reachable(root), self._attribute
        looped = recursive(structs)
        source = Source()
        encoders = {cls: source.fresh("encode") for cls in structs}
        decoders = {cls: source.fresh("decode") for cls in structs}
        encoding = self.encoder_writer(source, encoders, looped)
        decoding = self.decoder_writer(source, decoders, looped)
        new = [struct for cls, struct in structs.items() if attribute not in cls.__dict__]
        for cls in structs.keys() - {struct.cls for struct in new}:
            made: CompiledCodec = cls.__dict__[attribute]
            source.namespace[encoders[cls]], source.namespace[decoders[cls]] = made.encoder, made.decoder
        for struct in new:
            encoding.struct_encoder(struct)
            decoding.struct_decoder(struct)
        for cls in hashed(structs):
            quicken(structs[cls])
        functions = source.execute(f"<codec of {root.name}>")
        for struct in new:
            codec = CompiledCodec(
                struct, functions[encoders[struct.cls]], functions[decoders[struct.cls]], self.diagnosis
            )
            setattr(struct.cls, attribute, codec)

    def fields_decoder(
        self, struct: Struct, path: str, result: Field | None = None
    ) -> Callable[[Body], Any]:  # values of any IDL type
        """A decoder that returns the values of all fields as a tuple, or that of the result as it is."""
        structs = reachable(struct)
        source = Source()
        decoders = {cls: source.fresh("decode") for cls in structs}
        for cls in structs.keys() - {struct.cls}:
            source.namespace[decoders[cls]] = self.codec_of(cls).decoder
        report = source.constant("report", lambda body, left: self.diagnosis(struct, body, path, left))
        behind = source.constant("behind", lambda count: left_over(count, path))
        writer = self.decoder_writer(source, decoders, recursive(structs))
        writer.body_decoder("decode", struct, report, behind, result)
        return source.execute(f"<decoder of {path}>")["decode"]

    def fields_encoder(
        self, struct: Struct, function: str, parameters: Sequence[str], defaults: Sequence[object], report: Report
    ) -> Callable[..., bytes]:
        """An encoder that takes the values of all fields as parameters."""
        structs = reachable(struct)
        source = source_for(parameters)
        encoders = {cls: source.fresh("encode") for cls in structs}
        for cls in structs.keys() - {struct.cls}:
            source.namespace[encoders[cls]] = self.codec_of(cls).encoder
        writer = self.encoder_writer(source, encoders, set())

        def body(names: Sequence[str]) -> None:
            with source.block("try:"):
                pieces = writer.body(struct, names)
            with source.block(f"except {source.constant('FAULTS', mismatch.FAULTS)} as {source.prefix}error:"):
                given = f"({''.join(f'{name}, ' for name in names)})"
                source(f"raise {source.constant('report', report)}({given}, {source.prefix}error) from None")
            source(f"return {source.constant('join', b''.join)}({pieces})")

        return write_function(source, function, parameters, defaults, body)
