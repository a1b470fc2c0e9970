"""The tables of docs/wire-protocol.md are what the code does."""

from __future__ import annotations

import dataclasses
import enum
import importlib
import re
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgpack
import pytest

from callosum.errors import Code, Outcome
from callosum.protocol import limits, messages, wire
from callosum.protocol.calls import (
    INCOMING,
    OUTGOING,
    RECEIVING,
    SENDING,
    SESSION,
    IncomingCall,
    OutgoingCall,
)
from callosum.protocol.core import Role, SessionCore
from callosum.protocol.handshake import Terms, make_welcome
from callosum.protocol.messages import (
    SESSION_ENDING,
    UNNUMBERED,
    CancelReason,
    Hello,
    ResetCode,
    Type,
    Welcome,
)
from tests.protocol.test_wire_vectors import ALL, CLASSES, VALID, frames
from tests.protocol.vectors import generate

PAGE = (Path(__file__).parents[2] / "docs" / "wire-protocol.md").read_text("utf-8")
UNITS = {"": 1, "KiB": limits.KIB, "MiB": limits.MIB, "s": 1, "ms": 0.001}

Row = dict[str, str]


def section(heading: str) -> str:
    """The text under a heading, up to the next one of any level."""
    found = re.search(rf"^#+ {re.escape(heading)}\n(.*?)(?=^#|\Z)", PAGE, re.MULTILINE | re.DOTALL)
    assert found is not None, f"no heading {heading!r}"
    return found[1]


def tables(heading: str) -> list[list[Row]]:
    """The tables under a heading: a row maps the names of the columns to the cells."""
    result = []
    for table in re.findall(r"(?:^\|.*\|\n)+", section(heading), re.MULTILINE):
        head, rule, *rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()]
        assert set(rule) == {"---"}
        assert all(len(row) == len(head) for row in rows), table
        result.append([dict(zip(head, row, strict=True)) for row in rows])
    return result


def table(heading: str, first_column: str) -> list[Row]:
    (found,) = [rows for rows in tables(heading) if next(iter(rows[0])) == first_column]
    return found


def value(text: str) -> float:
    """A number with its unit: bytes, or seconds."""
    found = re.fullmatch(r"([\d,.]+) ?(\w*)", text)
    assert found is not None, text
    return float(found[1].replace(",", "")) * UNITS[found[2]]


# --- states -----------------------------------------------------------------------------------------------------------

States = Mapping[Any, Mapping[Any, enum.IntEnum]]  # enums of three kinds


@pytest.mark.parametrize(
    ("heading", "transitions"),
    [
        ("States of a session", SESSION),
        ("States of an outgoing call", OUTGOING),
        ("States of an incoming call", INCOMING),
        ("States of what is sent of a stream", SENDING),
        ("States of what is received of a stream", RECEIVING),
    ],
)
def test_states(heading: str, transitions: States) -> None:
    written = {row.pop("state"): {event: state for event, state in row.items() if state} for row in tables(heading)[0]}
    assert written == {
        state.name: {event.name: after.name for event, after in events.items()} for state, events in transitions.items()
    }
    names = written.keys() | {event.name for events in transitions.values() for event in events}
    prose = re.sub(r"^\|.*$", "", section(heading), flags=re.MULTILINE)
    assert names <= set(re.findall(r"\b[A-Z]+\b", prose)), "some are not explained"


# --- batches ----------------------------------------------------------------------------------------------------------


def test_layout_of_a_batch() -> None:
    head, record = tables("Batches")
    sizes = {"u8": 1, "u16": 2, "u32": 4, "u64": 8}
    for rows, size in ((head, wire.HEAD_SIZE), (record, wire.RECORD_SIZE)):
        offset = 0
        for row in rows:
            if row["type"]:
                assert int(row["offset"]) == offset
                offset += sizes[row["type"]]
        assert offset == size


def test_a_batch_byte_by_byte() -> None:
    written = "".join(row["bytes"] for row in tables("A batch, byte by byte")[0])
    assert [bytes.fromhex(written)] == frames(ALL["calls:request-timeout"])


# --- messages ---------------------------------------------------------------------------------------------------------


def test_types() -> None:
    rows = table("Messages", "number")
    assert {(int(row["number"]), row["type"]) for row in rows} == {(kind.value, kind.name) for kind in Type}
    numbered = {row["type"] for row in rows if row["numbered"] == "yes"}
    assert numbered == {name for name, kind in CLASSES.items() if kind not in UNNUMBERED}
    assert f"**From {messages.EXTENSIONS_FROM} on**" in PAGE


def headers(kind: Type) -> list[list[Any]]:
    """The headers of a message in the vectors that callosum makes itself."""
    found = []
    for name in VALID:
        if ALL[name].get("decode_only"):
            continue
        head = frames(ALL[name])[0]
        offset = 24
        while offset < len(head):
            length, header_length, _, _ = struct.unpack_from("<IHBB", head, offset)
            header = msgpack.unpackb(head[offset + 8 : offset + 8 + header_length])
            offset += 8 + length
            if header[0] == kind:
                found.append(header)
    return found


@pytest.mark.parametrize("kind", list(Type), ids=lambda kind: kind.name)
def test_header_fields(kind: Type) -> None:
    """Each message's table has the positional fields and the optional ones, in their order."""
    rows = [row for rows in tables(kind.name) for row in rows]
    positional = [row for row in rows if row["position"] != "optional"]
    optional = [row["field"] for row in rows if row["position"] == "optional"]
    assert [int(row["position"]) for row in positional] == list(range(2, 2 + len(positional)))
    found: dict[str, None] = {}
    for header in headers(kind):
        if len(header) == 2 and positional and kind is Type.REQUEST:
            continue  # a further fragment
        options = header[-1] if len(header) > 2 + len(positional) else {}
        assert len(header) == 2 + len(positional) + bool(options)
        assert list(options) == [name for name in optional if name in options], "not in this order"
        found |= dict.fromkeys(options)
    assert set(found) == set(optional)
    assert f"Header `[{kind.value}, " in section(kind.name)


@pytest.mark.parametrize("kind", list(Type), ids=lambda kind: kind.name)
def test_header_field_names(kind: Type) -> None:
    renamed = {"bytes": "size", "retry_after": "retry_after_ms", "compression": "reply_compression"}
    fields = {field.name for field in dataclasses.fields(CLASSES[kind.name])}
    if kind is Type.HELLO:
        fields |= {field.name for field in dataclasses.fields(messages.Resumption)}
    written = {renamed.get(row["field"], row["field"]) for rows in tables(kind.name) for row in rows}
    elsewhere = {"id", "body", "deadline", "info", "services", "resumption", "compression"}
    assert written == fields - elsewhere


def test_credit_of_a_stream() -> None:
    rows = tables("CREDIT of a stream")[0]
    assert [int(row["position"]) for row in rows] == [2, 3]
    renamed = {"bytes": "size"}
    written = [renamed.get(row["field"], row["field"]) for row in rows]
    assert ["id", *written] == [field.name for field in dataclasses.fields(messages.StreamCredit)]
    assert f"Header `[{Type.CREDIT.value}, id, " in section("CREDIT of a stream")


def test_reset_codes() -> None:
    rows = table("What ends what", "code")
    assert {row["code"] for row in rows} == {code.value for code in ResetCode}
    assert {row["code"] for row in rows if row["the session"] == "ends"} == {code.value for code in SESSION_ENDING}
    assert {row["the session"] for row in rows} == {"ends", "goes on"}


def test_cancel_reasons() -> None:
    for reason in messages.CancelReason:
        assert f"`{reason.value}`" in section("CANCEL")


def test_request_flags() -> None:
    (flags,) = [row["meaning"] for row in table("REQUEST", "position") if row["field"] == "flags"]
    assert f"{messages.ONEWAY} (oneway" in flags
    assert f"{messages.IDEMPOTENT} (idempotent" in flags
    assert f"{messages.ITEMS_FOLLOW} (items follow" in flags
    assert f"{messages.ITEMS_WANTED} (items wanted" in flags


# --- the example ------------------------------------------------------------------------------------------------------


class Example:
    """Two cores without a network; what passes between them is written down as the page does."""

    def __init__(self) -> None:
        self.connector = SessionCore(Role.CONNECTOR, Terms())
        self.listener = SessionCore(Role.LISTENER, Terms())
        self.arrived: dict[int, IncomingCall] = {}
        self.log: list[tuple[str, str]] = []

    def send(self, sender: SessionCore, now: float) -> list[Sequence[wire.Frame]]:
        sent: list[Sequence[wire.Frame]] = []
        while (batch := sender.frames_to_send(now)) is not None:
            sender.handed_over()
            self.log.append((sender.role.name.lower(), batch_text(wire.decode(batch))))
            sent.append(batch)
        return sent

    def deliver(self, sender: SessionCore, now: float) -> None:
        receiver = self.listener if sender is self.connector else self.connector
        for batch in self.send(sender, now):
            for event in receiver.receive(batch, now):
                if isinstance(event, IncomingCall):
                    self.arrived[event.request.id] = event
                    assert event.start()

    def greet(self, now: float) -> None:
        self.connector.dial(now)
        (batch,) = self.send(self.connector, now)
        (hello,) = wire.decode(batch).messages
        assert isinstance(hello, Hello)
        received = None if hello.resumption is None else self.listener.expected
        self.listener.accept(hello, make_welcome(Terms(), hello, 1, bytes(16), received), now)
        self.deliver(self.listener, now)

    def call(self, now: float) -> OutgoingCall:
        call = OutgoingCall("Echo/say", 0, b"")
        self.connector.open_call(call, now)
        return call

    def answer(self, ident: int) -> None:
        self.listener.incoming.reply(self.arrived[ident], b"")


def batch_text(batch: wire.Batch) -> str:
    first = batch.messages[0] if batch.messages else None
    if isinstance(first, Hello) and first.resumption is not None:
        named = first.resumption
        return f"HELLO, attempt {first.attempt}, session {named.session}, received {named.received}"
    if isinstance(first, Welcome):
        return f"WELCOME, {'resumed' if first.resumed else 'fresh'}, received {first.received}"
    records = [f"{type(m).__name__.upper()} {getattr(m, 'id', '')}".strip() for m in batch.messages]
    return f"seq {batch.seq}, ack {batch.ack}" + (f": {', '.join(records)}" if records else "")


def test_example() -> None:
    example = Example()
    connector, listener = example.connector, example.listener
    example.greet(0.0)
    example.deliver(connector, 0.0)
    calls = [example.call(0.0), example.call(0.0)]
    example.deliver(connector, 0.0)
    example.answer(1)
    example.deliver(listener, 0.0)
    calls += [example.call(0.0), example.call(0.0)]
    example.send(connector, 0.0)
    connector.detach(1.0)
    listener.detach(1.0)
    example.answer(3)
    connector.outgoing.cancel(calls[3], CancelReason.CANCELLED)
    example.log.clear()
    example.greet(2.0)
    example.deliver(connector, 2.0)
    example.answer(5)
    example.deliver(listener, 2.0)
    example.deliver(connector, 2.1)
    assert example.log == [(row["from"], row["batch"]) for row in tables("An example")[0]]
    assert [call.reply is not None for call in calls] == [True, True, True, False]
    assert sorted(example.arrived) == [1, 3, 5]


# --- errors -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("column", "numbers"), [("code", Code), ("outcome", Outcome)])
def test_errors(column: str, numbers: type[enum.IntEnum]) -> None:
    rows = table("Errors", column)
    assert [(int(row[column]), row["name"]) for row in rows] == [(number.value, number.name) for number in numbers]


# --- limits -----------------------------------------------------------------------------------------------------------


def test_bounds_of_the_format() -> None:
    written = {row["name"]: value(row["value"]) for row in tables("Bounds of the format")[0]}
    constants = {name: number for name, number in vars(limits).items() if name.isupper() and name not in UNITS}
    assert written == {name: number for name, number in constants.items() if name not in {"KIB", "MIB"}}


def test_defaults_of_a_side() -> None:
    written = {row["name"]: value(row["value"]) for row in tables("Defaults of a side")[0]}
    assert written == pytest.approx(dataclasses.asdict(limits.Limits()))
    assert list(written) == [field.name for field in dataclasses.fields(limits.Limits)]


def test_other_limits() -> None:
    for row in tables("Others")[0]:
        module, _, name = row["name"].rpartition(".")
        assert value(row["value"]) == getattr(importlib.import_module(f"callosum.{module}"), name), row["name"]


# --- the page itself --------------------------------------------------------------------------------------------------


def test_files_of_vectors() -> None:
    written = [row["file"] for row in tables("Test vectors")[0]]
    assert written == [f"{file.name}.json" for file in generate.files()]


def test_links_within_the_page() -> None:
    headings = {
        re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")
        for heading in re.findall(r"^#+ (.+)$", PAGE, re.MULTILINE)
    }
    assert set(re.findall(r"\]\(#([^)]+)\)", PAGE)) <= headings


def test_the_version() -> None:
    assert f"This is version {messages.VERSION}." in PAGE
