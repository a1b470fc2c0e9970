"""Between the texts of tokens and values."""

from __future__ import annotations

import binascii
import math
from collections.abc import Callable
from json import decoder
from json.encoder import encode_basestring
from typing import Final

from callosum.upper.thrift.json_protocol.malformed import Malformed

NO_NUMBERS: Final = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
"""What is no number, as Apache's C++, Java and Go write it. Its Python library reads that."""

_scan: Final[Callable[[str, int, bool], tuple[str, int]]] = vars(decoder)["scanstring"]
quoted: Final = encode_basestring
"""A text as a token: what must be escaped is, and all else is left as it is."""


def text_of(raw: str) -> str:
    """The text of what is between quotes, as `grammar.TEXT` lets it through."""
    return _scan(f'{raw}"', 0, False)[0] if "\\" in raw else raw  # noqa: FBT003 - its way to allow control characters


def bytes_of(raw: str) -> bytes:
    """The bytes of what is between quotes."""
    return decoded(text_of(raw))


def decoded(text: str) -> bytes:
    """The bytes of base64, with padding or without."""
    try:
        return binascii.a2b_base64(text + "=" * (-len(text) % 4), strict_mode=True)
    except ValueError as error:  # binascii.Error is one, and so is what is said of other characters than ASCII
        raise Malformed(f"the binary is not base64: {error}") from None


def base64_of(data: bytes) -> str:
    """Base64 with its padding, as Apache's libraries write it."""
    return binascii.b2a_base64(data, newline=False).decode("ascii")


def double_of(token: str) -> float:
    """The double of a number, or of what is none, with its quotes or without."""
    number = NO_NUMBERS.get(token.strip('"'))
    if number is None:
        number = float(token)
        if math.isinf(number):
            raise Malformed("the number is too large for a double")
    return number


def token_of(number: float) -> str:
    """A double as a token."""
    return repr(number) if math.isfinite(number) else f'"{_name(number)}"'


def key_of(number: float) -> str:
    """A double as the key of a map."""
    return f'"{repr(number) if math.isfinite(number) else _name(number)}"'


def _name(number: float) -> str:
    return "NaN" if math.isnan(number) else "Infinity" if number > 0 else "-Infinity"
