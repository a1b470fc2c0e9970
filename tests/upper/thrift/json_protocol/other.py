"""Another implementation of Apache's JSON protocol besides Apache's own, which is in `oracles`; values that it has."""

from __future__ import annotations

import json
from typing import Any

from thriftpy2.protocol.apache_json import TApacheJSONProtocol
from thriftpy2.transport.memory import TMemoryBuffer

from callosum.upper.thrift.json_protocol.grammar import is_scalar
from callosum.upper.thrift.spec import ListType, MapType, SetType, StructType, Type, struct_of


def thriftpy2_json(value: Any) -> bytes:
    """As thriftpy2 writes it: all that is not ASCII is escaped; here with white space besides."""
    buffer = TMemoryBuffer()
    protocol = TApacheJSONProtocol(buffer)
    protocol.write_message_begin("say", 1, 0)
    protocol.write_struct(value)
    return json.dumps(json.loads(buffer.getvalue())[4]).encode()  # without the message around it


def emptied(kind: Type, value: Any) -> Any:
    """The value, in which all maps are empty whose keys JSON cannot have."""
    match kind:
        case MapType():
            if not is_scalar(kind.key):
                value.clear()
            for one in value.values():
                emptied(kind.value, one)
        case ListType() | SetType():
            for one in value:
                emptied(kind.element, one)
        case StructType():
            for field in struct_of(kind.cls).fields:
                if getattr(value, field.name) is not None:
                    emptied(field.type, getattr(value, field.name))
        case _:
            pass
    return value
