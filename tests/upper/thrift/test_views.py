"""Large binary items are views of what has arrived, where somebody wants them so."""

from __future__ import annotations

import pytest

from callosum.errors import DecodeError
from callosum.service import service_of
from callosum.upper import thrift

idl = thrift.load_string("""
exception Gone {}
service Files {
  binary down() throws (1: Gone gone) (callosum.stream = "server")
  i32 up(1: string name, 7: binary chunk (callosum.stream = "in")) (callosum.stream = "client")
  string text() (callosum.stream = "server")
  binary plain()
}
""")
METHODS = service_of(idl.Files).methods
CONTENT = bytes(range(256)) * 10


def codec(method, encoding="thrift-binary"):
    return METHODS[method].codecs[encoding]


def test_a_view_of_a_received_frame_is_given_as_a_view():
    body = codec("down").encode_result(CONTENT)
    view = codec("down").view_result(memoryview(body))
    assert isinstance(view, memoryview)
    assert view.obj is body
    assert view == CONTENT
    item = codec("up").encode_item(CONTENT)
    assert codec("up").view_item(memoryview(item)) == CONTENT
    assert type(codec("up").view_item(memoryview(item))) is memoryview


def test_all_else_is_the_decoders():
    view = codec("down").view_result
    body = codec("down").encode_result(CONTENT)
    assert type(view(body)) is bytes
    assert view(memoryview(codec("down").encode_result(b""))) == b""
    with pytest.raises(idl.Gone):
        view(memoryview(codec("down").encode_exception(idl.Gone())))
    for wrong in (body[:-1], body + b"\0", body[:-1] + b"\1", b"\x0c" + body[1:], body[:2] + b"\1" + body[3:], b"x"):
        with pytest.raises(DecodeError):
            view(memoryview(wrong))


def test_only_streams_of_binary_have_it():
    assert codec("down", "thrift-compact").view_result is None
    assert codec("text").view_result is None
    assert codec("plain").view_result is None
    assert codec("up").view_result is None
    assert codec("down").view_item is None
