from __future__ import annotations

import pytest

from callosum.errors import ProtocolError
from callosum.lower.memory import pipe
from callosum.testing.lower_kit.end import End, Watch, expect_all, expect_prefix, numbered
from callosum.testing.lower_kit.laws import Law
from tests.lower.recorder import run, until


def joined(watch):
    one, other = pipe()
    return End(watch, one, "one"), End(watch, other, "the other")


def test_an_end_sends_notes_and_compares():
    async def main():
        watch = Watch()
        one, other = joined(watch)
        other.on_received = other.push
        one.start()
        other.start()
        for size in (0, 1, 15, 16, 17, 1000):
            assert one.push(size)
        await until(lambda: len(one.messages) == 6)
        expect_all(one, other)
        expect_all(other, one)
        assert [len(message[0]) for message in other.messages] == [8, 9, 23, 24, 25, 1008]
        assert one.drains == 1
        assert not one.owed_drain
        one.close()
        await until(lambda: other.reasons)
        watch.raise_first()

    run(main())


def test_numbered_messages_differ_everywhere():
    assert numbered(1, 100) != numbered(2, 100)
    assert numbered(1, 100)[0][20:] != numbered(2, 100)[0][20:]
    assert numbered(7, 0) == [(7).to_bytes(8, "big")]


def test_a_prefix_is_none_where_one_is_missing_doubled_or_changed():
    async def main():
        one, other = joined(Watch())
        one.sizes = [10] * 5
        good = [[bytes(frame) for frame in numbered(number, 10)] for number in range(5)]
        for messages, law in (
            (good[1:], Law.NO_HOLE),
            ([*good[:2], good[3]], Law.NO_HOLE),
            ([good[0], good[0]], Law.ORDER),
            ([[good[0][0][:-1]]], Law.ORDER),
            ([[good[0][0], b""]], Law.ORDER),
            ([[]], Law.ORDER),
            ([*good, good[4]], Law.TAKES_NOTHING),
        ):
            other.messages = messages
            with pytest.raises(AssertionError) as failure:
                expect_prefix(one, other)
            assert law in str(failure.value), messages
        other.messages = good[:4]
        expect_prefix(one, other)
        with pytest.raises(AssertionError, match="4 messages of 5"):
            expect_all(one, other)

    run(main())


def test_faults_of_callbacks_are_noted_and_raised_later():
    async def main():
        watch = Watch()
        one, _ = joined(watch)
        watch.raise_first()
        with watch.calling("send() of somebody"):
            one.drained()
        one.received([bytearray(b"x")])
        one.closed("")
        one.writable()
        one.close()
        one.closed("again")
        said = "\n".join(map(str, watch.faults))
        for words in (
            "from within send() of somebody",
            "bytearray",
            "no reason",
            "writable of one after closed",
            "own",
        ):
            assert words in said
        with pytest.raises(AssertionError, match="from within"):
            watch.raise_first()

    run(main())


def test_what_a_layer_raises():
    watch = Watch()
    with pytest.raises(ProtocolError), watch.calling("send()"):
        raise ProtocolError("too large")
    with pytest.raises(AssertionError, match="ZeroDivisionError"), watch.calling("send()"):
        raise ZeroDivisionError
    watch.called_back("somebody")
    watch.raise_first()
    watch.note_unhandled(None, {"message": "a callback failed", "exception": ValueError("x")})
    with pytest.raises(AssertionError, match="a callback failed: ValueError"):
        watch.raise_first()
