"""Another implementation of Apache's JSON protocol besides Apache's own, which is in `oracles`."""

from __future__ import annotations

import json
from typing import Any

from thriftpy2.protocol.apache_json import TApacheJSONProtocol
from thriftpy2.transport.memory import TMemoryBuffer


def thriftpy2_json(value: Any) -> bytes:
    """As thriftpy2 writes it: all that is not ASCII is escaped; here with white space besides."""
    buffer = TMemoryBuffer()
    protocol = TApacheJSONProtocol(buffer)
    protocol.write_message_begin("say", 1, 0)
    protocol.write_struct(value)
    return json.dumps(json.loads(buffer.getvalue())[4]).encode()  # without the message around it
