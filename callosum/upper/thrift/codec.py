"""Compiles a class with a ``thrift_spec`` into one encoder and one decoder of the binary protocol.

What is on the wire is the bare struct, without Thrift's message around it. The source text of a struct's functions is
written and executed once, together with all structs that it can hold and that have none yet, and kept on the class.

Laws: network bytes never reach thriftpy2's decoders. `DecodeError` is all that any input can raise, `EncodeError` all
that any value can, and both name the place.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Any, Final

from callosum.errors import EncodeError
from callosum.service import Body
from callosum.upper.thrift.decode import FAULTS as DECODE_FAULTS
from callosum.upper.thrift.decode import PADDING, DecoderWriter, is_flat
from callosum.upper.thrift.diagnosis import decode_error, left_over
from callosum.upper.thrift.encode import FAULTS as ENCODE_FAULTS
from callosum.upper.thrift.encode import EncoderWriter
from callosum.upper.thrift.footprint import ALLOWANCE, RATIO
from callosum.upper.thrift.hashing import hashed, quicken
from callosum.upper.thrift.mismatch import encode_error
from callosum.upper.thrift.source import Source
from callosum.upper.thrift.spec import Field, Struct, StructType, reachable, recursive, struct_of

Adder = Callable[[bytes], None]
Encoder = Callable[[Any, Adder, int], None]  # values of any IDL type
Decoder = Callable[[bytes, int, int, list[Any]], tuple[Any, int]]  # values of any IDL type

NO_DEFAULT: Final = object()
"""A parameter that must be given."""
_ATTRIBUTE: Final = "__callosum_codec__"
_lock = Lock()


@dataclass(frozen=True, slots=True, eq=False)
class StructCodec:
    """The functions of one struct."""

    struct: Struct
    encoder: Encoder
    decoder: Decoder

    def encode(self, value: object, path: str = "") -> bytes:
        """The value as bytes.

        Raises:
            EncodeError: It, or something in it, is not what the IDL says.
        """
        parts: list[bytes] = []
        try:
            self.encoder(value, parts.append, 1)
        except ENCODE_FAULTS as error:
            raise encode_error(StructType(self.struct.cls), value, path or self.struct.name, error) from None
        return b"".join(parts)

    def decode(self, body: Body, path: str = "") -> Any:  # a value of any IDL type
        """The value of the bytes.

        Raises:
            DecodeError: They are not exactly one value of this struct.
        """
        buf = b"".join((body, PADDING))
        size = len(buf) - len(PADDING)
        left = [ALLOWANCE + RATIO * size]
        try:
            value, end = self.decoder(buf, 0, 1, left)
            if end == size and left[0] >= 0:
                return value
        except DECODE_FAULTS:
            end = size + 1
        if end < size and left[0] >= 0:
            raise left_over(size - end, path or self.struct.name)  # without a search: that would take as long again
        raise decode_error(self.struct, buf[:size], path or self.struct.name, left[0])


def codec_of(cls: type) -> StructCodec:
    """The codec of a struct, union or exception class, compiled where it is not yet.

    Raises:
        ConfigurationError: The metadata of the class is not what thriftpy2 makes of a sound IDL.
    """
    codec: StructCodec | None = cls.__dict__.get(_ATTRIBUTE)
    if codec is None:
        with _lock:
            _compile(struct_of(cls))
        made: StructCodec = cls.__dict__[_ATTRIBUTE]
        return made
    return codec


def _compile(root: Struct) -> None:
    """Compile the struct and all that it can hold."""
    structs = reachable(root)
    looped = recursive(structs)
    source = Source()
    encoders = {cls: source.fresh("encode") for cls in structs}
    decoders = {cls: source.fresh("decode") for cls in structs}
    encoding = EncoderWriter(source, encoders, looped)
    decoding = DecoderWriter(source, decoders, looped)
    new = [struct for cls, struct in structs.items() if _ATTRIBUTE not in cls.__dict__]
    for cls in structs.keys() - {struct.cls for struct in new}:
        made: StructCodec = cls.__dict__[_ATTRIBUTE]
        source.namespace[encoders[cls]], source.namespace[decoders[cls]] = made.encoder, made.decoder
    for struct in new:
        encoding.struct_encoder(struct)
        decoding.struct_decoder(struct)
    for cls in hashed(structs):
        quicken(structs[cls])
    functions = source.execute(f"<codec of {root.name}>")
    for struct in new:
        codec = StructCodec(struct, functions[encoders[struct.cls]], functions[decoders[struct.cls]])
        setattr(struct.cls, _ATTRIBUTE, codec)


def fields_decoder(struct: Struct, path: str, result: Field | None = None) -> Callable[[Body], Any]:  # values
    """A decoder that returns the values of all fields as a tuple, and makes no instance.

    Where ``result`` is there alone, its value is returned as it is; a field of a result never holds a tuple.
    """
    structs = reachable(struct)
    source = Source()
    decoders = {cls: source.fresh("decode") for cls in structs}
    for cls in structs.keys() - {struct.cls}:
        source.namespace[decoders[cls]] = codec_of(cls).decoder
    report = source.constant("report", lambda body, left: decode_error(struct, body, path, left))
    behind = source.constant("behind", lambda count: left_over(count, path))
    writer = DecoderWriter(source, decoders, recursive(structs))
    writer.body_decoder("decode", struct, report, behind, result)
    return source.execute(f"<decoder of {path}>")["decode"]


Report = Callable[[tuple[object, ...], Exception], EncodeError]
"""Makes the error for values that an encoder refused."""


def fields_encoder(
    struct: Struct, function: str, parameters: Sequence[str], defaults: Sequence[object], report: Report
) -> Callable[..., bytes]:
    """An encoder that takes the values of all fields as the parameters of a function, and makes no instance.

    Args:
        struct: What is written.
        function: Its name, for the TypeError of a call that does not fit.
        parameters: Their names, in the order of the fields.
        defaults: What each has where the caller leaves it out, or `NO_DEFAULT`.
        report: What makes the EncodeError where they do not fit.
    """
    structs = reachable(struct)
    prefix = "_"
    while any(name.startswith(prefix) for name in parameters):
        prefix += "_"
    source = Source(prefix)
    encoders = {cls: source.fresh("encode") for cls in structs}
    for cls in structs.keys() - {struct.cls}:
        source.namespace[encoders[cls]] = codec_of(cls).encoder
    writer = EncoderWriter(source, encoders, set())
    signature = _signature(source, parameters, defaults)
    called, hides = f"{prefix}function", any(hasattr(builtins, name) for name in parameters)
    names = [source.fresh("a") for _ in parameters] if hides else parameters
    with source.block(f"def {called}({signature}):"):
        _check_given(source, function, parameters, defaults)
        if hides:  # such as type and len, which the body needs as they are
            source(f"return {prefix}encode({', '.join(parameters)})")
        else:
            _body(source, writer, struct, names, report)
    if hides:
        with source.block(f"def {prefix}encode({', '.join(names)}):"):
            _body(source, writer, struct, names, report)
    made = source.execute(f"<encoder of {struct.name}>")[called]
    made.__name__ = made.__qualname__ = function  # in the text it would hide a builtin, too
    return made


def _body(source: Source, writer: EncoderWriter, struct: Struct, names: Sequence[str], report: Report) -> None:
    """What encodes the values of all fields, which have these names, and returns the bytes."""
    pieces, flat = f"{source.prefix}parts", bool(struct.fields) and is_flat(struct.fields)
    if not flat:
        source(f"{pieces} = []", f"{writer.add} = {pieces}.append", f"{writer.depth} = 1")
    with source.block("try:"):
        if flat:
            pieces = f"({''.join(f'{piece}, ' for piece in writer.flat_fields(struct, names))})"
        else:
            writer.fields(struct, names)
    with source.block(f"except {source.constant('FAULTS', ENCODE_FAULTS)} as {source.prefix}error:"):
        given = f"({''.join(f'{name}, ' for name in names)})"
        source(f"raise {source.constant('report', report)}({given}, {source.prefix}error) from None")
    source(f"return {source.constant('join', b''.join)}({pieces})")


def _signature(source: Source, parameters: Sequence[str], defaults: Sequence[object]) -> str:
    """Parameters as Python wants them: none without a default behind one that has a default."""
    texts: list[str] = []
    has_default = False
    for name, default in zip(parameters, defaults, strict=True):
        has_default = has_default or default is not NO_DEFAULT
        texts.append(f"{name}={source.constant('default', default)}" if has_default else name)
    return ", ".join(texts)


def _check_given(source: Source, function: str, parameters: Sequence[str], defaults: Sequence[object]) -> None:
    """What has no default, and stands behind something that has one, must be given all the same."""
    has_default = False
    for name, default in zip(parameters, defaults, strict=True):
        if default is not NO_DEFAULT:
            has_default = True
        elif has_default:
            with source.block(f"if {name} is {source.constant('default', NO_DEFAULT)}:"):
                message = f"{function}() missing 1 required positional argument: {name!r}"
                source(f"raise TypeError({message!r})")
