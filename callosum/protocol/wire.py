"""A batch of messages to frames, and back. ``docs/wire-protocol.md`` has the format and its test vectors.

Laws: whatever bytes come in, `decode` returns messages made of nothing but these bytes, or raises ProtocolError. Every
length is checked against what is there before anything is sliced, and every bound of `limits` before anything is kept.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, cast

import msgpack

from callosum.errors import Code, Detail, Outcome, ProtocolError
from callosum.protocol import limits
from callosum.protocol.messages import (
    EXTENSIONS_FROM,
    UNNUMBERED,
    VERSION,
    Body,
    Cancel,
    CancelReason,
    Credit,
    Error,
    Extension,
    Fragment,
    GoAway,
    Hello,
    Info,
    InfoValue,
    Message,
    Metadata,
    Offer,
    Offered,
    Ping,
    Pong,
    Reply,
    Request,
    Reset,
    ResetCode,
    Resumption,
    Type,
    Void,
    Welcome,
)

Frame = bytes | memoryview

_HEAD: Final = struct.Struct("<BBHIQQ")
"""version, flags, records, sent_ms, seq, ack"""
_RECORD: Final = struct.Struct("<IHH")
"""length, header length, flags"""
HEAD_SIZE: Final = _HEAD.size
RECORD_SIZE: Final = _RECORD.size
_IN_FRAME: Final = 1
_MORE: Final = 2
_MAX_FLAGS: Final = 3
"""The byte behind the flags is 0, so that both together are no more than the two flags."""
_MAX_INT: Final = 2**63 - 1
MAX_RESET_TEXT: Final = 1000
"""Characters of a RESET's text that travel: it may quote what the other side sent."""

pack_record: Final = _RECORD.pack
"""length, header length, flags"""
_unpack_record: Final = _RECORD.unpack_from
_pack_head: Final = _HEAD.pack
_unpack_head: Final = _HEAD.unpack_from
_START: Final = struct.Struct("<IHHHB")
"""length, header length, flags, and the first bytes of the header: two that say what it is, one that says how long its
id is"""
_unpack_start: Final = _START.unpack_from
_SHORTEST: Final = 3
"""Bytes of the shortest header."""
_PLAIN_REPLY: Final = 0x0892
"""An array of two, and the 8 of a REPLY."""
_PLAIN_REQUEST: Final = 0x0595
"""An array of five, and the 5 of a REQUEST."""
_IDS: Final = {0xCD: (struct.Struct(">H").unpack_from, 5), 0xCE: (struct.Struct(">I").unpack_from, 7)}
"""By msgpack's marker of a number: what reads it, and where it ends in the header."""
_known: Final[dict[bytes, tuple[str, int]]] = {}
"""The method and the flags in what stands behind the id of a REQUEST, as it was decoded before."""
_REMEMBERED: Final = 1024
_REMEMBERED_SIZE: Final = 256
"""Bounds of what is remembered, in entries and in bytes of one: it comes from the other side."""
# module constants: an attribute of another module costs more, and these are looked at for each record
_MAX_RECORDS: Final = limits.MAX_RECORDS
_MAX_FRAME_0: Final = limits.MAX_FRAME_0
_MAX_FRAMES: Final = limits.MAX_FRAMES
_MAX_HEADER: Final = limits.MAX_HEADER
_REQUEST: Final = int(Type.REQUEST)
_REPLY: Final = int(Type.REPLY)
_pack: Final[Callable[[object], bytes]] = msgpack.Packer(autoreset=True).pack
_unpack: Final[Callable[..., object]] = msgpack.unpackb


class Batch:
    """What one message of the lower layer held."""

    __slots__ = ("ack", "messages", "numbered", "sent_ms", "seq", "size")

    def __init__(self, seq: int, ack: int, sent_ms: int, messages: list[Message], numbered: int, size: int) -> None:
        self.seq = seq
        self.ack = ack
        self.sent_ms = sent_ms
        self.messages = messages
        self.numbered = numbered
        """How many of the messages have a position."""
        self.size = size
        """Bytes of all frames."""


# --- encoding ---------------------------------------------------------------------------------------------------------


class BatchWriter:
    """Collects records until a bound of the format is reached."""

    __slots__ = ("frames", "length", "parts", "records")

    def __init__(self) -> None:
        self.parts: list[Body] = [b""]
        self.frames: list[Frame] = [b""]
        self.records = 0
        self.length = HEAD_SIZE
        """Bytes of frame 0."""

    def put(self, header: bytes, body: Body) -> int:
        """Append a record whose body lies in frame 0, and return its size; 0 where the batch is full without it."""
        header_length = len(header)
        length = header_length + len(body)
        size = RECORD_SIZE + length
        if self.records >= _MAX_RECORDS or self.length + size > _MAX_FRAME_0:
            return 0
        self.parts += (pack_record(length, header_length, 0), header, body)
        self.records += 1
        self.length += size
        return size

    def add(self, header: bytes, body: Body = b"", flags: int = 0) -> None:
        """Append one record, which must fit."""
        length = len(header) + len(body)
        if len(body) > limits.INLINE_BODY:
            self.parts += (pack_record(len(header), len(header), flags | _IN_FRAME), header)
            self.frames.append(body)
            length = len(header)
        else:
            self.parts += (pack_record(length, len(header), flags), header, body)
        self.records += 1
        self.length += RECORD_SIZE + length

    def finish(self, seq: int, ack: int, sent_ms: int) -> list[Frame]:
        """The frames of the batch."""
        self.parts[0] = _pack_head(VERSION, 0, self.records, sent_ms, seq, ack)
        self.frames[0] = b"".join(self.parts)
        return self.frames


def header_and_body(message: Message) -> tuple[bytes, Body]:
    """One message as it stands in a record."""
    kind = type(message)
    if kind is Reply:
        reply = cast(Reply, message)
        return reply_header(reply), reply.body
    if isinstance(message, Request):
        return request_header(message), message.body
    return _ENCODERS[kind](message)


def check_header(message: Request | Error) -> None:
    """Find out now whether a header can be encoded, where it holds what users gave.

    Raises:
        ValueError: It cannot, or is too long.
    """
    try:
        header, _ = header_and_body(message)
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"key, metadata or details cannot be encoded: {error}") from None
    spare = 32  # the id, the timeout and the parent are not known yet
    if len(header) + spare > limits.MAX_HEADER:
        raise ValueError(f"key, metadata or details take {len(header)} bytes; a header has {limits.MAX_HEADER}")


def encode(messages: Sequence[Message], seq: int = 0, ack: int = 0, sent_ms: int = 0) -> list[Frame]:
    """One batch of these messages, which must fit into one."""
    writer = BatchWriter()
    for message in messages:
        header, body = header_and_body(message)
        writer.add(header, body, fragment_flags(message))
    return writer.finish(seq, ack, sent_ms)


def fragment_flags(message: Message) -> int:
    """The record flags that say whether a body goes on in a further record."""
    return _MORE if isinstance(message, Fragment) and message.more else 0


def request_header(r: Request) -> bytes:
    """The header of a REQUEST."""
    if r.key is None and not r.metadata and not r.parent and not r.codec:
        return _pack((_REQUEST, r.id, r.method, r.timeout_ms, r.flags))
    fields: list[object] = [_REQUEST, r.id, r.method, r.timeout_ms, r.flags]
    options: dict[str, object] = {}
    if r.key is not None:
        options["key"] = r.key
    if r.metadata:
        options["metadata"] = r.metadata
    if r.parent:
        options["parent"] = r.parent
    if r.codec:
        options["codec"] = r.codec
    fields.append(options)
    return _pack(fields)


def reply_header(r: Reply) -> bytes:
    """The header of a REPLY."""
    if r.metadata:
        return _pack((8, r.id, {"metadata": r.metadata}))
    return _pack((8, r.id))


def _encode_hello(m: Hello) -> tuple[bytes, Body]:
    fields: list[object] = [Type.HELLO, 0, m.versions, m.attempt, m.body_bytes, m.codecs, m.compressions]
    fields += [m.heartbeat_ms, m.window_calls, m.window_bytes]
    if m.resumption is not None:
        r = m.resumption
        named: dict[str, object] = {"session": r.session, "token": r.token}
        if r.received is not None:
            named["received"] = r.received
        fields.append(named)
    return _pack(fields), _pack(m.info) if m.info else b""


def _encode_welcome(m: Welcome) -> tuple[bytes, Body]:
    fields = [Type.WELCOME, 0, m.version, m.session, m.token, m.resumed, m.received, m.body_bytes]
    fields += [m.window_calls, m.window_bytes, m.heartbeat_ms, m.grace_ms]
    return _pack(fields), _encode_services(m.services)


def _encode_services(services: tuple[Offered, ...]) -> bytes:
    return _pack([(s.name, s.fingerprint, s.codecs) for s in services])


def _encode_error(m: Error) -> tuple[bytes, Body]:
    fields: list[object] = [Type.ERROR, m.id, m.code, m.outcome, m.text]
    options: dict[str, object] = {}
    if m.details:
        options["details"] = m.details
    if m.error_id:
        options["error_id"] = m.error_id
    if m.retry_after_ms is not None:
        options["retry_after"] = m.retry_after_ms
    if options:
        fields.append(options)
    return _pack(fields), b""


def _encode_fragment(m: Fragment) -> tuple[bytes, Body]:
    if m.message is None:
        return _pack((m.type, m.id)), m.body
    return header_and_body(m.message)[0], m.body


def _fields_of(fields: Callable[[Any], tuple[object, ...]]) -> Callable[[Any], tuple[bytes, Body]]:
    return lambda m: (_pack(fields(m)), b"")


# Any: each function takes its own class of message; the key of the table says which
_ENCODERS: Final[Mapping[type, Callable[[Any], tuple[bytes, Body]]]] = {
    Hello: _encode_hello,
    Welcome: _encode_welcome,
    Offer: lambda m: (_pack((Type.OFFER, 0)), _encode_services(m.services)),
    Error: _encode_error,
    Fragment: _encode_fragment,
    Reset: _fields_of(lambda m: (Type.RESET, 0, m.code.value, m.text[:MAX_RESET_TEXT])),
    Cancel: _fields_of(lambda m: (Type.CANCEL, m.id, m.reason.value)),
    Credit: _fields_of(lambda m: (Type.CREDIT, 0, m.calls, m.size)),
    Void: _fields_of(lambda _: (Type.VOID, 0)),
    Ping: _fields_of(lambda m: (Type.PING, 0, m.number, m.lag_ms)),
    Pong: _fields_of(lambda m: (Type.PONG, 0, m.number, m.lag_ms)),
    GoAway: _fields_of(lambda m: (Type.GOAWAY, 0, m.last_id, m.grace_ms, m.reason)),
}


# --- decoding ---------------------------------------------------------------------------------------------------------


def decode(frames: Sequence[Frame]) -> Batch:  # noqa: C901, PLR0912, PLR0915 - written out flat: all passes here
    """The batch in these frames.

    Raises:
        ProtocolError: They are no batch of this version, or break a bound.
    """
    head = frames[0] if frames else b""
    if not isinstance(head, bytes):
        head = bytes(head)
    size = len(head)
    if not HEAD_SIZE <= size <= _MAX_FRAME_0:
        raise ProtocolError(f"frame 0 has {size} bytes; a batch has {HEAD_SIZE} to {_MAX_FRAME_0}")
    version, flags, records, sent_ms, seq, ack = _unpack_head(head)
    if version != VERSION or flags:
        raise ProtocolError(f"version {version}, flags {flags}; this side speaks version {VERSION} without flags")
    if records > _MAX_RECORDS or len(frames) > _MAX_FRAMES:
        raise ProtocolError(f"a batch of {records} records in {len(frames)} frames is over the bounds")
    messages: list[Message] = []
    append = messages.append
    offset, frame, extra, unnumbered = HEAD_SIZE, 1, 0, 0
    alone = False
    for _ in range(records):
        start = offset + RECORD_SIZE
        if start + _SHORTEST > size:
            raise ProtocolError("a record is cut off")
        length, header_length, flags, kind, marker = _unpack_start(head, offset)
        offset, body_start = start + length, start + header_length
        if offset > size or body_start > offset or header_length > _MAX_HEADER or flags > _MAX_FLAGS:
            raise ProtocolError(f"a record of {length} bytes, header {header_length}, flags {flags} is not valid")
        # the two messages of every call first, by their bytes; what does not look exactly so goes the long way
        if not flags and marker in _IDS:
            unpack_id, behind = _IDS[marker]
            if kind == _PLAIN_REPLY and header_length == behind:
                append(Reply(unpack_id(head, start + _SHORTEST)[0], head[body_start:offset]))
                continue
            if kind == _PLAIN_REQUEST:
                known = _known.get(head[start + behind : body_start])
                if known is not None and (ident := unpack_id(head, start + _SHORTEST)[0]):
                    append(Request(ident, known[0], None, known[1], head[body_start:offset]))
                    continue
        try:
            header = _unpack(head[start:body_start], max_ext_len=0, ext_hook=_refuse_extension)
        except Exception as error:  # noqa: BLE001 - whatever msgpack makes of hostile bytes
            raise ProtocolError(f"a header is not valid msgpack: {error}") from None
        body: Body
        if flags & _IN_FRAME:
            if frame >= len(frames) or length != header_length:
                raise ProtocolError("a record's body is in a frame that is not there")
            body = frames[frame]
            frame += 1
            extra += len(body)
        else:
            body = head[body_start:offset]
        message = _decode_message(header, body, flags & _MORE)
        append(message)
        kind_of_message = type(message)
        alone = alone or kind_of_message in _ALONE
        if kind_of_message in UNNUMBERED:
            unnumbered += 1
        elif kind == _PLAIN_REQUEST and marker in _IDS:
            _remember(message, head[start + _IDS[marker][1] : body_start])
    if offset != size or frame != len(frames):
        raise ProtocolError(f"{size - offset} bytes and {len(frames) - frame} frames belong to no record")
    if alone and records > 1:
        raise ProtocolError("a fragment and a message of the handshake are alone in their batch")
    return Batch(seq, ack, sent_ms, messages, records - unnumbered, size + extra)


def _remember(message: Message, rest: bytes) -> None:
    """What stands behind the id of a plain REQUEST is the same for all calls of a method."""
    if isinstance(message, Request) and message.timeout_ms is None and len(rest) <= _REMEMBERED_SIZE:
        if len(_known) >= _REMEMBERED:
            _known.clear()
        _known[rest] = message.method, message.flags


def _decode_message(header: object, body: Body, more: int) -> Message:
    if not isinstance(header, list) or len(header) < 2:
        raise ProtocolError("a header is not an array that begins with type and id")
    kind, ident = header[0], header[1]
    if type(kind) is not int or type(ident) is not int or not 0 <= ident <= _MAX_INT or kind < 0:
        raise ProtocolError("a header does not begin with type and id")
    if len(body) > limits.FRAGMENT:
        raise ProtocolError(f"a body of {len(body)} bytes is not in fragments")
    decoder = _DECODERS.get(kind)
    if decoder is None:
        if kind >= EXTENSIONS_FROM:
            return Extension(kind)
        raise ProtocolError(f"unknown message type {kind}")
    if more or (len(header) == 2 and kind == Type.REQUEST):
        return _decode_fragment(header, body, more, decoder)
    try:
        return decoder(header, body)
    except (ValueError, TypeError, IndexError) as error:
        raise ProtocolError(f"a {Type(kind).name} has wrong fields: {error}") from None


def _refuse_extension(code: int, _data: bytes) -> None:
    raise ValueError(f"extension type {code}")


# Any: msgpack gives whatever the bytes say; the decoders check each field
_Header = list[Any]


def _decode_fragment(header: _Header, body: Body, more: int, decoder: Callable[[_Header, Body], Message]) -> Fragment:
    kind, ident = header[0], header[1]
    if kind not in (Type.REQUEST, Type.REPLY):
        raise ProtocolError(f"a {Type(kind).name} cannot be in fragments")
    if not body:
        raise ProtocolError("a fragment is empty")
    message: Message | None = None
    # a REPLY's own header may be as short as a further fragment's: the assembly knows which of the two it is
    if len(header) > 2 or kind == Type.REPLY:
        try:
            message = decoder(header, b"")
        except (ValueError, TypeError, IndexError) as error:
            raise ProtocolError(f"a {Type(kind).name} has wrong fields: {error}") from None
    return Fragment(cast(Request | Reply | None, message), kind, ident, body, bool(more))


def _natural(value: object) -> int:
    if type(value) is not int or not 0 <= value <= _MAX_INT:
        raise ValueError(f"{value!r:.40} is not a natural number")
    return value


def _text(value: object) -> str:
    if type(value) is not str:
        raise ValueError(f"{value!r:.40} is not text")
    return value


def _texts(value: object) -> tuple[str, ...]:
    if type(value) is not list:
        raise ValueError(f"{value!r:.40} is not a list of text")
    return tuple(_text(item) for item in value)


def _options(header: _Header, position: int) -> dict[str, Any]:  # Any: as in _Header
    """The map of optional fields behind the positional ones."""
    if len(header) == position:
        return {}
    options = header[position]
    if type(options) is not dict or len(header) > position + 1:
        raise ValueError("what follows the positional fields is no map of optional ones")
    return cast(dict[str, Any], options)


def _no_body(body: Body) -> None:
    if body:
        raise ValueError(f"{len(body)} bytes of body")


def _metadata(value: object) -> Metadata | None:
    if value is None:
        return None
    if type(value) is not dict or not all(type(k) is str and type(v) in (str, bytes) for k, v in value.items()):
        raise ValueError("metadata is not a map of text to text or bytes")
    return cast(Metadata, value)


def _decode_request(header: _Header, body: Body) -> Request:
    _, ident, method, timeout_ms, flags = header[:5]
    if type(method) is not str or not ident:
        raise ValueError("id or method")
    _natural(flags)
    if timeout_ms is not None:
        _natural(timeout_ms)
    if len(header) == 5:
        return Request(ident, method, timeout_ms, flags, body)
    options = _options(header, 5)
    key = options.get("key")
    if type(key) not in (str, int, bytes, type(None)):
        raise ValueError("a key is text, bytes or a number")
    parent, codec = _natural(options.get("parent", 0)), _text(options.get("codec", ""))
    return Request(ident, method, timeout_ms, flags, body, key, _metadata(options.get("metadata")), parent, codec)


def _decode_reply(header: _Header, body: Body) -> Reply:
    if len(header) == 2:
        return Reply(header[1], body)
    return Reply(header[1], body, _metadata(_options(header, 2).get("metadata")))


def _decode_error(header: _Header, body: Body) -> Error:
    _no_body(body)
    options = _options(header, 5)
    details = options.get("details", {})
    if type(details) is not dict or not all(
        type(k) is str and type(v) in (str, int, float, bool, bytes, type(None)) for k, v in details.items()
    ):
        raise ValueError("details are not a map of text to plain values")
    retry_after = options.get("retry_after")
    outcome = Outcome(_natural(header[3]))
    if outcome is Outcome.NOT_SENT:
        raise ValueError("what was answered was sent")
    return Error(
        header[1],
        Code(_natural(header[2])),
        outcome,
        _text(header[4]),
        cast(Mapping[str, Detail], details),
        _text(options.get("error_id", "")),
        None if retry_after is None else _natural(retry_after),
    )


def _decode_hello(header: _Header, body: Body) -> Hello:
    versions = header[2]
    if type(versions) is not list or not versions:
        raise ValueError("versions are not a list")
    options = _options(header, 10)
    resumption = None
    if "session" in options or "token" in options:
        received = options.get("received")
        resumption = Resumption(
            _natural(options.get("session")),
            _token(options.get("token")),
            None if received is None else _natural(received),
        )
    return Hello(
        versions=tuple(_natural(v) for v in versions),
        attempt=_natural(header[3]),
        body_bytes=_natural(header[4]),
        codecs=_texts(header[5]),
        compressions=_texts(header[6]),
        heartbeat_ms=_natural(header[7]),
        window_calls=_natural(header[8]),
        window_bytes=_natural(header[9]),
        info=_decode_info(body),
        resumption=resumption,
    )


def _token(value: object) -> bytes:
    if type(value) is not bytes or len(value) != 16:
        raise ValueError("a token has 16 bytes")
    return value


def _decode_handshake_body(body: Body) -> object:
    if len(body) > limits.MAX_HANDSHAKE_BODY:
        raise ValueError(f"a body of {len(body)} bytes is over {limits.MAX_HANDSHAKE_BODY}")
    try:
        decoded: object = _unpack(body, max_array_len=4096, max_map_len=4096, max_ext_len=0, ext_hook=_refuse_extension)
    except Exception as error:  # noqa: BLE001 - as above
        raise ValueError(f"the body is not valid msgpack: {error}") from None
    return decoded


def _decode_info(body: Body) -> Info:
    info = _decode_handshake_body(body) if body else {}
    if type(info) is not dict:
        raise ValueError("info is not a map")
    return cast(dict[str, InfoValue], info)


def _decode_services(body: Body) -> tuple[Offered, ...]:
    services = _decode_handshake_body(body)
    if type(services) is not list or not all(type(s) is list and len(s) == 3 for s in services):
        raise ValueError("services are not a list of name, fingerprint, codecs")
    return tuple(Offered(_text(name), _text(print_), _texts(codecs)) for name, print_, codecs in services)


def _decode_welcome(header: _Header, body: Body) -> Welcome:
    _options(header, 12)
    if type(header[5]) is not bool:
        raise ValueError("resumed is not true or false")
    return Welcome(
        version=_natural(header[2]),
        session=_natural(header[3]),
        token=_token(header[4]),
        resumed=header[5],
        received=_natural(header[6]),
        body_bytes=_natural(header[7]),
        window_calls=_natural(header[8]),
        window_bytes=_natural(header[9]),
        heartbeat_ms=_natural(header[10]),
        grace_ms=_natural(header[11]),
        services=_decode_services(body),
    )


def _decode_offer(header: _Header, body: Body) -> Offer:
    _options(header, 2)
    return Offer(_decode_services(body))


def _decode_reset(header: _Header, body: Body) -> Reset:
    _options(header, 4)
    _no_body(body)
    return Reset(ResetCode(_text(header[2])), _text(header[3]))


def _decode_cancel(header: _Header, body: Body) -> Cancel:
    _options(header, 3)
    _no_body(body)
    return Cancel(header[1], CancelReason(_text(header[2])))


def _decode_credit(header: _Header, body: Body) -> Credit:
    _options(header, 4)
    _no_body(body)
    if header[1]:
        raise ValueError(f"credit for a stream {header[1]} that does not exist")
    return Credit(_natural(header[2]), _natural(header[3]))


def _decode_void(header: _Header, body: Body) -> Void:
    _options(header, 2)
    _no_body(body)
    return Void()


def _decode_ping(header: _Header, body: Body) -> Ping:
    _options(header, 4)
    _no_body(body)
    return Ping(_natural(header[2]), _natural(header[3]))


def _decode_pong(header: _Header, body: Body) -> Pong:
    _options(header, 4)
    _no_body(body)
    return Pong(_natural(header[2]), _natural(header[3]))


def _decode_goaway(header: _Header, body: Body) -> GoAway:
    _options(header, 5)
    _no_body(body)
    return GoAway(_natural(header[2]), _natural(header[3]), _text(header[4]))


_ALONE: Final = frozenset({Hello, Welcome, Fragment})
_DECODERS: Final[Mapping[int, Callable[[_Header, Body], Message]]] = {
    Type.HELLO: _decode_hello,
    Type.WELCOME: _decode_welcome,
    Type.OFFER: _decode_offer,
    Type.RESET: _decode_reset,
    Type.REQUEST: _decode_request,
    Type.REPLY: _decode_reply,
    Type.ERROR: _decode_error,
    Type.CANCEL: _decode_cancel,
    Type.CREDIT: _decode_credit,
    Type.VOID: _decode_void,
    Type.PING: _decode_ping,
    Type.PONG: _decode_pong,
    Type.GOAWAY: _decode_goaway,
}
