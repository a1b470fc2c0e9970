"""A message to the header and the body of its record, and back. ``docs/wire-protocol.md`` has the fields.

Laws: whatever header and body come in, `decode_message` returns a message made of nothing but these bytes, or raises
ProtocolError. Each field is checked for its type, and every bound of `limits` before anything is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, cast

import msgpack

from callosum.errors import Code, Detail, Outcome, ProtocolError
from callosum.protocol import limits
from callosum.protocol.messages import (
    COMPRESSIONS,
    EXTENSIONS_FROM,
    ONEWAY,
    STREAMS,
    Body,
    Cancel,
    CancelReason,
    Credit,
    End,
    Error,
    Extension,
    Fragment,
    GoAway,
    Hello,
    Info,
    InfoValue,
    Item,
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
    StreamCredit,
    Type,
    Void,
    Welcome,
)
from callosum.protocol.values import check_values

MORE: Final = 2
"""The flag of a record whose body goes on in a further record."""
COMPRESSION_SHIFT: Final = 2
"""Bits 4, 8 and 16 of a record's flags are a number: what its body is compressed with."""
_MAX_INT: Final = 2**63 - 1
_TINY: Final = 24
"""Bytes of a header that cannot hold too many values, nor announce many: most calls with a timeout have no more."""
MAX_RESET_TEXT: Final = 1000
"""Characters of a RESET's text that travel: it may quote what the other side sent."""
_REQUEST: Final = int(Type.REQUEST)
_REPLY: Final = int(Type.REPLY)
# by number: calling an enum costs much more, and there can be very many errors
_CODES: Final[Mapping[int, Code]] = {code.value: code for code in Code}
_OUTCOMES: Final[Mapping[int, Outcome]] = {
    outcome.value: outcome
    for outcome in Outcome
    if outcome is not Outcome.NOT_SENT  # what was answered was sent
}
_pack: Final[Callable[[object], bytes]] = msgpack.Packer(autoreset=True).pack
_unpack: Final[Callable[..., object]] = msgpack.unpackb

# --- encoding ---------------------------------------------------------------------------------------------------------


def header_and_body(message: Message) -> tuple[bytes, Body]:
    """One message as it stands in a record."""
    kind = type(message)
    if kind is Reply:
        reply = cast(Reply, message)
        return reply_header(reply), reply.body
    if isinstance(message, Request):
        return request_header(message), message.body
    if kind is Item:
        item = cast(Item, message)
        return item_header(item.id), item.body
    return _ENCODERS[kind](message)


def check_header(message: Request | Error) -> None:
    """Find out now whether a header can be encoded, where it holds what users gave.

    Raises:
        ValueError: It cannot, or is too long.
    """
    try:
        header, _ = header_and_body(message)
        check_values(header, 2)  # the parent is not known yet
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"key, metadata or details cannot be encoded: {error}") from None
    spare = 32  # the id, the timeout and the parent are not known yet
    if len(header) + spare > limits.MAX_HEADER:
        raise ValueError(f"key, metadata or details take {len(header)} bytes; a header has {limits.MAX_HEADER}")


def record_flags(message: Message) -> int:
    """The record flags that say what a body is compressed with, and whether it goes on in a further record."""
    more = 0
    carried: Message | None = message
    if isinstance(message, Fragment):
        more = MORE if message.more else 0
        carried = message.message
    if isinstance(carried, Request | Reply | Item):
        return carried.compression << COMPRESSION_SHIFT | more
    return more


def request_header(r: Request) -> bytes:
    """The header of a REQUEST."""
    if r.key is None and not r.metadata and not r.parent and not r.codec and not r.reply_compression:
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
    if r.reply_compression:
        options["compression"] = r.reply_compression
    fields.append(options)
    return _pack(fields)


def reply_header(r: Reply) -> bytes:
    """The header of a REPLY."""
    if r.metadata:
        return _pack((8, r.id, {"metadata": r.metadata}))
    return _pack((8, r.id))


def item_header(ident: int) -> bytes:
    """The header of an ITEM: the same for all of a stream."""
    return _pack((6, ident))


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
    fields: list[object] = [Type.WELCOME, 0, m.version, m.session, m.token, m.resumed, m.received, m.body_bytes]
    fields += [m.window_calls, m.window_bytes, m.heartbeat_ms, m.grace_ms]
    if m.compressions:
        fields.append({"compressions": m.compressions})
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
    End: _fields_of(lambda m: (Type.END, m.id)),
    Credit: _fields_of(lambda m: (Type.CREDIT, 0, m.calls, m.size)),
    StreamCredit: _fields_of(lambda m: (Type.CREDIT, m.id, m.size, m.consumed)),
    Void: _fields_of(lambda _: (Type.VOID, 0)),
    Ping: _fields_of(lambda m: (Type.PING, 0, m.number, m.lag_ms)),
    Pong: _fields_of(lambda m: (Type.PONG, 0, m.number, m.lag_ms)),
    GoAway: _fields_of(lambda m: (Type.GOAWAY, 0, m.last_id, m.grace_ms, m.reason)),
}


# --- decoding ---------------------------------------------------------------------------------------------------------


def decode_message(header: bytes, body: Body, more: int, compression: int = 0) -> Message:
    """The message of a record; ``more`` is not 0 where its body goes on in a further record.

    ``compression`` is the number that the flags of the record name.

    Raises:
        ProtocolError: It is none.
    """
    try:
        if len(header) > _TINY:
            check_values(header)
        fields = _unpack(header, max_ext_len=0, ext_hook=_refuse_extension)
    except Exception as error:  # noqa: BLE001 - whatever msgpack makes of hostile bytes
        raise ProtocolError(f"a header is not valid msgpack: {error}") from None
    if not isinstance(fields, list) or len(fields) < 2:
        raise ProtocolError("a header is not an array that begins with type and id")
    kind, ident = fields[0], fields[1]
    if type(kind) is not int or type(ident) is not int or not 0 <= ident <= _MAX_INT or kind < 0:
        raise ProtocolError("a header does not begin with type and id")
    if len(body) > limits.FRAGMENT:
        raise ProtocolError(f"a body of {len(body)} bytes is not in fragments")
    decoder = _DECODERS.get(kind)
    if decoder is None:
        if kind >= EXTENSIONS_FROM:
            return Extension(kind)
        raise ProtocolError(f"unknown message type {kind}")
    message: Message
    if more or (len(fields) == 2 and kind == Type.REQUEST):
        message = _decode_fragment(fields, body, more, decoder)
    else:
        try:
            message = decoder(fields, body)
        except (ValueError, TypeError, IndexError) as error:
            raise ProtocolError(f"a {Type(kind).name} has wrong fields: {error}") from None
    if compression:
        _note_compression(message, compression)
    return message


def _note_compression(message: Message, compression: int) -> None:
    """The first record of a body says what the whole is compressed with, and no further one does."""
    carried = message.message if isinstance(message, Fragment) else message
    if not isinstance(carried, Request | Reply | Item):
        raise ProtocolError("the flags of a record name a compression, and it does not begin a body")
    if compression >= COMPRESSIONS:
        raise ProtocolError(f"unknown compression {compression}")
    carried.compression = compression


def _refuse_extension(code: int, _data: bytes) -> None:
    raise ValueError(f"extension type {code}")


# Any: msgpack gives whatever the bytes say; the decoders check each field
_Header = list[Any]


def _decode_fragment(header: _Header, body: Body, more: int, decoder: Callable[[_Header, Body], Message]) -> Fragment:
    kind, ident = header[0], header[1]
    if kind not in (Type.REQUEST, Type.ITEM, Type.REPLY):
        raise ProtocolError(f"a {Type(kind).name} cannot be in fragments")
    if not body:
        raise ProtocolError("a fragment is empty")
    message: Message | None = None
    # the header of an ITEM or REPLY may be as short as a further fragment's: the assembly knows which of the two it is
    if len(header) > 2 or kind != Type.REQUEST:
        try:
            message = decoder(header, b"")
        except (ValueError, TypeError, IndexError) as error:
            raise ProtocolError(f"a {Type(kind).name} has wrong fields: {error}") from None
    return Fragment(cast(Request | Item | Reply | None, message), kind, ident, body, bool(more))


def _shown(value: object) -> str:
    """For people. What nests is not spelled out: that can take long, and be too deep for Python."""
    return type(value).__name__ if isinstance(value, list | dict) else f"{value!r:.40}"


def _natural(value: object) -> int:
    if type(value) is not int or not 0 <= value <= _MAX_INT:
        raise ValueError(f"{_shown(value)} is not a natural number")
    return value


def _text(value: object) -> str:
    if type(value) is not str:
        raise ValueError(f"{_shown(value)} is not text")
    return value


def _texts(value: object) -> tuple[str, ...]:
    if type(value) is not list:
        raise ValueError(f"{_shown(value)} is not a list of text")
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
    if flags & ONEWAY and flags & STREAMS:
        raise ValueError("a oneway that streams")
    if timeout_ms is not None:
        _natural(timeout_ms)
    if len(header) == 5:
        return Request(ident, method, timeout_ms, flags, body)
    options = _options(header, 5)
    key = options.get("key")
    if type(key) not in (str, int, bytes, type(None)):
        raise ValueError("a key is text, bytes or a number")
    parent, codec = _natural(options.get("parent", 0)), _text(options.get("codec", ""))
    metadata, compression = _metadata(options.get("metadata")), _text(options.get("compression", ""))
    return Request(ident, method, timeout_ms, flags, body, key, metadata, parent, codec, compression)


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
    code, outcome = _CODES.get(_natural(header[2])), _OUTCOMES.get(_natural(header[3]))
    if code is None or outcome is None:
        raise ValueError(f"code {header[2]} or outcome {header[3]} is not one of an ERROR")
    return Error(
        header[1],
        code,
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
        check_values(body)
        most = min(4096, len(body))  # an array takes memory for the elements that it announces
        decoded: object = _unpack(body, max_array_len=most, max_map_len=most, max_ext_len=0, ext_hook=_refuse_extension)
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
    options = _options(header, 12)
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
        compressions=_texts(options.get("compressions", [])),
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


def _decode_item(header: _Header, body: Body) -> Item:
    _options(header, 2)
    return Item(header[1], body)


def _decode_end(header: _Header, body: Body) -> End:
    _options(header, 2)
    _no_body(body)
    return End(header[1])


def _decode_credit(header: _Header, body: Body) -> Credit | StreamCredit:
    _options(header, 4)
    _no_body(body)
    if header[1]:
        return StreamCredit(header[1], _natural(header[2]), _natural(header[3]))
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


_DECODERS: Final[Mapping[int, Callable[[_Header, Body], Message]]] = {
    Type.HELLO: _decode_hello,
    Type.WELCOME: _decode_welcome,
    Type.OFFER: _decode_offer,
    Type.RESET: _decode_reset,
    Type.REQUEST: _decode_request,
    Type.ITEM: _decode_item,
    Type.END: _decode_end,
    Type.REPLY: _decode_reply,
    Type.ERROR: _decode_error,
    Type.CANCEL: _decode_cancel,
    Type.CREDIT: _decode_credit,
    Type.VOID: _decode_void,
    Type.PING: _decode_ping,
    Type.PONG: _decode_pong,
    Type.GOAWAY: _decode_goaway,
}
