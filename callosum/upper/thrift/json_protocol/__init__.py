"""Apache Thrift's JSON protocol, for people and browsers: ``{"1":{"str":"hello"},"2":{"i64":5}}``.

What is in a body is the bare struct, without Thrift's message around it, as in the other encodings. It has nothing to
do with the IDL layer `callosum.upper.json`.
"""

from __future__ import annotations

from callosum.upper.thrift.json_protocol.encoding import JSON

__all__ = ["JSON"]
