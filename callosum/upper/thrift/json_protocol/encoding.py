"""The JSON protocol as one of the encodings, compiled for a struct when the first call needs it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Any, Final

from callosum.errors import DecodeError, EncodeError
from callosum.service import Body
from callosum.upper.thrift import mismatch
from callosum.upper.thrift.encoding import Report, source_for, write_function
from callosum.upper.thrift.fault import MAX_COLLISIONS, Fault, NoRoom
from callosum.upper.thrift.hashing import hashed, quicken
from callosum.upper.thrift.json_protocol import grammar
from callosum.upper.thrift.json_protocol.decode import DecoderWriter
from callosum.upper.thrift.json_protocol.encode import EncoderWriter, Inexpressible
from callosum.upper.thrift.json_protocol.malformed import Malformed
from callosum.upper.thrift.json_protocol.room import allowed, too_much
from callosum.upper.thrift.json_protocol.scalars import Reader
from callosum.upper.thrift.source import Source
from callosum.upper.thrift.spec import Field, Struct, StructType, reachable, recursive, struct_of

Encoder = Callable[[Any, Callable[[str], None], int], None]  # values of any IDL type
_ATTRIBUTE: Final = "__callosum_thrift_json__"
_lock: Final = Lock()


@dataclass(frozen=True, slots=True, eq=False)
class JsonCodec:
    """The functions of one struct."""

    struct: Struct
    encoder: Encoder
    decoder: Reader

    def encode(self, value: object, path: str = "") -> bytes:
        """The value as JSON; raises EncodeError."""
        parts: list[str] = []
        try:
            self.encoder(value, parts.append, 1)
            return "".join(parts).encode()
        except mismatch.FAULTS as error:
            kind, place = StructType(self.struct.cls), path or self.struct.name
            raise _inexpressible(mismatch.encode_error(kind, value, place, error), error) from None

    def decode(self, body: Body, path: str = "") -> Any:  # a value of any IDL type
        """The value of the JSON; raises DecodeError."""
        return _decoded(self.decoder, body, path or self.struct.name)


def _inexpressible(found: EncodeError, cause: Exception) -> EncodeError:
    """What `mismatch` cannot know of: the value is what the IDL says, and JSON cannot have it."""
    is_unknown = isinstance(cause, Inexpressible) and repr(cause) in str(found)
    return EncodeError(str(cause), path=found.path) if is_unknown else found


def _decoded(decoder: Reader, body: Body, path: str) -> Any:  # a value of any IDL type
    size = len(body)
    try:
        text = str(body, "utf-8")
        value, pos = decoder(text, 0, 1, allowed(size))
        _check_end(text, pos)
    except Malformed as error:
        raise DecodeError(error.message, path=path + error.path) from None
    except NoRoom:
        raise too_much(size, path) from None
    except UnicodeDecodeError as error:
        raise DecodeError(f"the body is not UTF-8: {error}", path=path) from None
    except Fault:
        raise DecodeError(
            f"a set has more than {MAX_COLLISIONS} elements with the same hash: repeated, or chosen to take time",
            path=path,
        ) from None
    return value


def _check_end(text: str, pos: int) -> None:
    if pos != len(text) and not grammar.end_of_body(text, pos):
        raise Malformed(f"{len(text) - pos} characters are left over behind the end of the value")


class JsonEncoding:
    """Apache's JSON protocol."""

    name = "thrift-json"
    void = b"{}"

    def codec_of(self, cls: type) -> JsonCodec:
        """The codec of a struct, union or exception class, compiled where it is not yet."""
        codec: JsonCodec | None = cls.__dict__.get(_ATTRIBUTE)
        if codec is None:
            with _lock:
                _compile(struct_of(cls))
            made: JsonCodec = cls.__dict__[_ATTRIBUTE]
            return made
        return codec

    def fields_encoder(
        self, struct: Struct, function: str, parameters: Sequence[str], defaults: Sequence[object], report: Report
    ) -> Callable[..., bytes]:
        """An encoder that takes the values of all fields as parameters."""
        source = source_for(parameters)
        encoders = {cls: source.fresh("encode") for cls in reachable(struct)}
        for cls in encoders.keys() - {struct.cls}:
            source.namespace[encoders[cls]] = self.codec_of(cls).encoder
        writer = EncoderWriter(source, encoders, set())

        def raised(values: tuple[object, ...], cause: Exception) -> EncodeError:
            return _inexpressible(report(values, cause), cause)

        def body(names: Sequence[str]) -> None:
            with source.block("try:"):
                pieces = writer.body(struct, names)
                source(f"return {source.constant('join', ''.join)}({pieces}).encode()")
            with source.block(f"except {source.constant('FAULTS', mismatch.FAULTS)} as {source.prefix}error:"):
                given = f"({''.join(f'{name}, ' for name in names)})"
                source(f"raise {source.constant('raised', raised)}({given}, {source.prefix}error) from None")

        return write_function(source, function, parameters, defaults, body)

    def fields_decoder(
        self,
        struct: Struct,
        path: str,
        result: Field | None = None,  # noqa: ARG002 - one way for all
    ) -> Callable[[Body], Any]:  # values of any IDL type
        """A decoder that returns the values of all fields as a tuple."""
        source = Source()
        decoders = {cls: source.fresh("decode") for cls in reachable(struct)}
        for cls in decoders.keys() - {struct.cls}:
            source.namespace[decoders[cls]] = self.codec_of(cls).decoder
        writer = DecoderWriter(source, decoders, set())
        writer.fields_decoder("decode", struct)
        writer.finish()
        decoder = source.execute(f"<JSON decoder of {path}>")["decode"]
        return lambda body: _decoded(decoder, body, path)


def _compile(root: Struct) -> None:
    """Compile the struct and all that it can hold."""
    structs = reachable(root)
    source = Source()
    encoders = {cls: source.fresh("encode") for cls in structs}
    decoders = {cls: source.fresh("decode") for cls in structs}
    looped = recursive(structs)
    encoding, decoding = EncoderWriter(source, encoders, looped), DecoderWriter(source, decoders, looped)
    new = [struct for cls, struct in structs.items() if _ATTRIBUTE not in cls.__dict__]
    for cls in structs.keys() - {struct.cls for struct in new}:
        made: JsonCodec = cls.__dict__[_ATTRIBUTE]
        source.namespace[encoders[cls]], source.namespace[decoders[cls]] = made.encoder, made.decoder
    for struct in new:
        encoding.struct_encoder(struct)
        decoding.struct_decoder(struct)
    decoding.finish()
    for cls in hashed(structs):
        quicken(structs[cls])
    functions = source.execute(f"<JSON codec of {root.name}>")
    for struct in new:
        codec = JsonCodec(struct, functions[encoders[struct.cls]], functions[decoders[struct.cls]])
        setattr(struct.cls, _ATTRIBUTE, codec)


JSON: Final = JsonEncoding()
