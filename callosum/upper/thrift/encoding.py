"""What an encoding of Thrift's values must give, so that methods can be called in it.

`service` knows encodings by this contract alone; `codec` lists those that there are. What is on the wire is a bare
struct, without Thrift's message around it: the arguments of a method, or its result. Laws: network bytes never reach
the decoders of another library. `DecodeError` is all that any input can raise, `EncodeError` all that any value can,
and both name the place.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol

from callosum.errors import EncodeError
from callosum.service import Body
from callosum.upper.thrift.source import Source
from callosum.upper.thrift.spec import Field, Struct

NO_DEFAULT: Final = object()
"""A parameter that must be given."""

Report = Callable[[tuple[object, ...], Exception], EncodeError]
"""Makes the error for values that an encoder refused."""


class StructCodec(Protocol):
    """Values of one struct to bytes and back."""

    @property
    def struct(self) -> Struct:
        """Which."""
        ...

    def encode(self, value: object, path: str = "") -> bytes:
        """The value as bytes.

        Raises:
            EncodeError: It, or something in it, is not what the IDL says.
        """
        ...

    def decode(self, body: Body, path: str = "") -> Any:  # a value of any IDL type
        """The value of the bytes.

        Raises:
            DecodeError: They are not exactly one value of this struct.
        """
        ...


class Encoding(Protocol):
    """One way to write values as bytes. All that it makes is made when it is asked for, and may take a while."""

    @property
    def name(self) -> str:
        """In the handshake: ``thrift-binary``."""
        ...

    @property
    def void(self) -> bytes:
        """A struct without fields: what a method that returns nothing answers."""
        ...

    def codec_of(self, cls: type) -> StructCodec:
        """The codec of a struct, union or exception class. The same object each time.

        Raises:
            ConfigurationError: The metadata of the class is not what thriftpy2 makes of a sound IDL.
        """
        ...

    def fields_encoder(
        self, struct: Struct, function: str, parameters: Sequence[str], defaults: Sequence[object], report: Report
    ) -> Callable[..., bytes]:
        """An encoder that takes the values of all fields as the parameters of a function, and makes no instance.

        Args:
            struct: What is written.
            function: Its name, for the TypeError of a call that does not fit.
            parameters: Their names, in the order of the fields.
            defaults: What each has where the caller leaves it out, or `NO_DEFAULT`.
            report: What makes the EncodeError where they do not fit.
        """
        ...

    def fields_decoder(
        self, struct: Struct, path: str, result: Field | None = None
    ) -> Callable[[Body], Any]:  # values of any IDL type
        """A decoder that returns the values of all fields as a tuple, and makes no instance.

        Where ``result`` is there alone, its value may be returned as it is; a field of a result never holds a tuple.
        """
        ...


def source_for(parameters: Sequence[str]) -> Source:
    """A text in which no name can meet that of a parameter."""
    prefix = "_"
    while any(name.startswith(prefix) for name in parameters):
        prefix += "_"
    return Source(prefix)


def write_function(
    source: Source,
    function: str,
    parameters: Sequence[str],
    defaults: Sequence[object],
    body: Callable[[Sequence[str]], None],
) -> Callable[..., bytes]:
    """Write and run a function with these parameters; ``body`` writes what is in it, and is told their names."""
    prefix = source.prefix
    called, hides = f"{prefix}function", any(hasattr(builtins, name) for name in parameters)
    with source.block(f"def {called}({_signature(source, parameters, defaults)}):"):
        _check_given(source, function, parameters, defaults)
        if hides:  # such as type and len, which the body needs as they are
            source(f"return {prefix}encode({', '.join(parameters)})")
        else:
            body(parameters)
    if hides:
        names = [source.fresh("a") for _ in parameters]
        with source.block(f"def {prefix}encode({', '.join(names)}):"):
            body(names)
    made = source.execute(f"<encoder of {function}>")[called]
    made.__name__ = made.__qualname__ = function  # in the text it would hide a builtin, too
    return made


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
