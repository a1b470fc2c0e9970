"""Which encoding a call has where the two sides prefer different ones."""

from __future__ import annotations

import asyncio

import callosum
from callosum import DecodeError
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
        addresses = [new_address(), new_address()]
        client, links = dialler(addresses)
        async with (
            callosum.listen(addresses[1], {LOUD_FIRST: Handler()}),
            callosum.listen(addresses[0], {QUIET_FIRST: Handler()}) as first,
            client as peer,
        ):
            stub = peer.stub(QUIET_FIRST)
            assert await stub.say("in the first session") == "in the first session"
            links.last.stall()
            late = asyncio.create_task(stub.say("late"))  # made before this side learns that the first one drains
            closing = asyncio.create_task(first.drain())
            await settle()
            links.last.resume_flow()
            assert await late == "late"
            await closing
            assert peer.address == addresses[1]

    run(main())
