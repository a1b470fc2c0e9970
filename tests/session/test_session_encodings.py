"""Which encoding a call has where the two sides prefer different ones."""

from __future__ import annotations

import asyncio

import pytest

import callosum
from callosum import DecodeError, Outcome
from tests.services import Handler, dialler, make_service, new_address, run, settle, text_codec


def loud_codec():
    """Arguments and results are text, too, but other bytes of it."""

    def decode(body):
        text = bytes(body).decode()
        if not text.startswith("LOUD:"):
            raise DecodeError("this is not loud", path="Both")
        return text[5:].lower()

    return text_codec(
        encode_args=lambda message: b"LOUD:" + message.upper().encode(),
        decode_args=lambda body: (decode(body),),
        encode_result=lambda value: b"LOUD:" + value.upper().encode(),
        decode_result=decode,
    )


QUIET_FIRST = make_service("Both", ("say",), codecs={"text": text_codec(), "loud": loud_codec()})
LOUD_FIRST = make_service("Both", ("say",), codecs={"loud": loud_codec(), "text": text_codec()})


def test_a_call_that_waits_for_a_session_is_read_in_the_encoding_that_it_has():
    async def main():
        address = new_address()
        client, _ = dialler(address, connect_timeout=None)
        async with client as peer:
            waiting = asyncio.create_task(peer.stub(QUIET_FIRST).say("hello"))
            await settle()
            async with callosum.listen(address, {LOUD_FIRST: Handler()}):
                assert await waiting == "hello"
                assert await peer.stub(QUIET_FIRST).say("later") == "later"

    run(main())


def test_a_call_that_goes_on_in_another_session_is_read_in_the_encoding_that_it_has():
    async def main():
        first, second = new_address(), new_address()
        client, links = dialler([first, second])
        async with callosum.listen(second, {LOUD_FIRST: Handler()}):
            async with callosum.listen(first, {QUIET_FIRST: Handler()}):
                peer = await client.__aenter__()
                links.last.stall()
                links.down_at.add(first)
                late = [asyncio.create_task(peer.stub(QUIET_FIRST).say(text)) for text in ("hello", "world")]
                await settle()
                peer.route.session.end("for the test")
                assert await asyncio.gather(*late) == ["hello", "world"]
            await client.__aexit__(None, None, None)

    run(main())


def test_a_service_without_a_common_encoding_is_not_misread():
    other = make_service("Both", ("say",), codecs={"loud": loud_codec()})
    quiet = make_service("Both", ("say",), codecs={"text": text_codec()})

    async def main():
        address = new_address()
        async with callosum.listen(address, {other: Handler()}), callosum.connect(address) as peer:
            with pytest.raises(callosum.Unimplemented, match="not served in the encoding 'text'") as caught:
                await peer.stub(quiet).say("LOUD:hello")
            assert caught.value.outcome is Outcome.REJECTED

    run(main())
