"""Items that are `binary` and large, without a copy: for `callosum.files`, which takes views of what has arrived."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any, Final

from callosum.service import Body

_HEAD: Final = struct.Struct(">BhI")
"""Thrift's binary encoding of a field of a struct: type, id, length."""
_STRING: Final = 11
_STOP: Final = 0


def view_of_binary(
    field: int, decode: Callable[[Body], Any]
) -> Callable[[Body], Any]:  # whatever the decoder gives for what is otherwise
    """Decodes a struct of this one field, in the binary encoding.

    Where the body is a view of a received frame, so is what it gives; whatever is otherwise is the decoder's.
    """
    start = _HEAD.size

    def view(body: Body) -> Any:  # as above
        if type(body) is memoryview:
            length = len(body) - start - 1
            if length > 0 and _HEAD.unpack_from(body) == (_STRING, field, length) and body[-1] == _STOP:
                return body[start:-1]
        return decode(body)

    return view
