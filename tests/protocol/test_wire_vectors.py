"""The published test vectors: what they describe is what decode() gives and what encode() makes, byte for byte."""

from __future__ import annotations

import dataclasses
import enum
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from callosum.errors import Code, Outcome, ProtocolError
from callosum.protocol import messages, wire
from callosum.protocol.messages import Extension, Fragment, Message, Offered, Resumption, Type
from tests.protocol.vectors import generate

Description = dict[str, Any]  # JSON

OPTIONAL = {"info", "resumption", "received", "key", "metadata", "parent", "codec", "details", "error_id"} | {
    "retry_after_ms",
    "reply_compression",
    "compression",
    "compressions",
}
NOT_OPTIONAL = {("Welcome", "received"), ("Hello", "compressions")}
CLASSES: dict[str, type] = {
    "HELLO": messages.Hello,
    "WELCOME": messages.Welcome,
    "OFFER": messages.Offer,
    "RESET": messages.Reset,
    "REQUEST": messages.Request,
    "ITEM": messages.Item,
    "END": messages.End,
    "REPLY": messages.Reply,
    "ERROR": messages.Error,
    "CANCEL": messages.Cancel,
    "CREDIT": messages.Credit,
    "VOID": messages.Void,
    "PING": messages.Ping,
    "PONG": messages.Pong,
    "GOAWAY": messages.GoAway,
}
DESCRIBED = {**CLASSES, "STREAM_CREDIT": messages.StreamCredit}
"""As the vectors name them: the CREDIT of a stream by itself."""
NAMES = {kind: name for name, kind in DESCRIBED.items()}


def to_bytes(text: str) -> bytes:
    """The bytes that groups of hexadecimal digits stand for."""
    parts = []
    for group in text.split():
        digits, _, times = group.partition("*")
        parts.append(bytes.fromhex(digits) * (int(times) if times else 1))
    return b"".join(parts)


# --- a message to its description -------------------------------------------------------------------------------------


def describe(message: Message) -> Description:
    if isinstance(message, Extension):
        return {"type": "EXTENSION", "number": message.type}
    if isinstance(message, Fragment):
        described: Description = {"type": "FRAGMENT", "of": Type(message.type).name, "id": message.id}
        described["more"] = message.more
        if message.message is not None:
            described["first"] = {k: v for k, v in describe(message.message).items() if k != "body"}
        return described | {"body": generate_text(message.body)}
    return {"type": NAMES[type(message)]} | describe_fields(message)


def describe_fields(message: Any) -> Description:
    described: Description = {}
    for field in dataclasses.fields(message):
        value = getattr(message, field.name)
        if field.name == "deadline" or (is_optional(message, field.name) and is_default(field, value)):
            continue
        described[field.name] = describe_value(field.name, value)
    return described


def is_optional(message: Any, name: str) -> bool:
    return name in OPTIONAL and (type(message).__name__, name) not in NOT_OPTIONAL


def is_default(field: dataclasses.Field[Any], value: object) -> bool:
    factory = field.default_factory
    default = field.default if factory is dataclasses.MISSING else factory()
    return bool(type(value) is type(default) and value == default)


def describe_value(name: str, value: Any) -> Any:
    if name == "services":
        return [describe_fields(service) for service in value]
    if name == "resumption":
        return describe_fields(value)
    if name in ("body", "token"):
        return generate_text(value)
    return plain(value)


def plain(value: Any) -> Any:
    """As JSON has it."""
    if isinstance(value, bytes):
        return {"hex": value.hex()}
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, enum.IntEnum):
        return value.name
    return value.value if isinstance(value, enum.Enum) else value


def generate_text(data: bytes | memoryview) -> str:
    return generate.text(bytes(data))


# --- a description to its message -------------------------------------------------------------------------------------


def construct(described: Description) -> Message:
    fields = dict(described)
    name = fields.pop("type")
    if name == "FRAGMENT":
        first = construct({**fields["first"], "body": ""}) if "first" in fields else None
        assert first is None or isinstance(first, messages.Request | messages.Item | messages.Reply)
        return Fragment(first, Type[fields["of"]], fields["id"], to_bytes(fields["body"]), fields["more"])
    message: Message = DESCRIBED[name](**{key: VALUES.get(key, unplain)(value) for key, value in fields.items()})
    if isinstance(message, messages.Reset):
        message = messages.Reset(messages.ResetCode(message.code), message.text)
    elif isinstance(message, messages.Error):
        message = dataclasses.replace(message, code=Code[described["code"]], outcome=Outcome[described["outcome"]])
    elif isinstance(message, messages.Cancel):
        message = messages.Cancel(message.id, messages.CancelReason(message.reason))
    return message


def unplain(value: Any) -> Any:
    if isinstance(value, dict):
        if value.keys() == {"hex"}:
            return to_bytes(value["hex"])
        return {key: unplain(item) for key, item in value.items()}
    return [unplain(item) for item in value] if isinstance(value, list) else value


def construct_resumption(value: Description) -> Resumption:
    return Resumption(value["session"], to_bytes(value["token"]), value.get("received"))


def construct_services(value: list[Description]) -> tuple[Offered, ...]:
    return tuple(Offered(s["name"], s["fingerprint"], tuple(s["codecs"])) for s in value)


VALUES: dict[str, Callable[[Any], Any]] = {
    "body": to_bytes,
    "token": to_bytes,
    "resumption": construct_resumption,
    "services": construct_services,
    "versions": tuple,
    "codecs": tuple,
    "compressions": tuple,
}


# --- the tests --------------------------------------------------------------------------------------------------------


def vectors() -> Iterator[tuple[str, Description]]:
    for path in sorted(generate.FOLDER.glob("*.json")):
        for vector in json.loads(path.read_text("utf-8"))["vectors"]:
            yield f"{path.stem}:{vector['name']}", vector


ALL = dict(vectors())
VALID = [name for name, vector in ALL.items() if "batch" in vector]
INVALID = [name for name, vector in ALL.items() if vector.get("error")]


def frames(vector: Description) -> list[bytes]:
    return [to_bytes(frame) for frame in vector["frames"]]


@pytest.mark.parametrize("name", VALID)
def test_the_frames_say_what_is_described(name: str) -> None:
    vector = ALL[name]
    batch = wire.decode(frames(vector))
    assert {
        "seq": batch.seq,
        "ack": batch.ack,
        "sent_ms": batch.sent_ms,
        "messages": [describe(message) for message in batch.messages],
    } == vector["batch"]
    assert batch.size == sum(map(len, frames(vector)))


@pytest.mark.parametrize("name", [name for name in VALID if not ALL[name].get("decode_only")])
def test_what_is_described_becomes_the_frames(name: str) -> None:
    vector = ALL[name]
    batch = vector["batch"]
    encoded = wire.encode([construct(m) for m in batch["messages"]], batch["seq"], batch["ack"], batch["sent_ms"])
    assert [bytes(frame) for frame in encoded] == frames(vector)


@pytest.mark.parametrize("name", INVALID)
def test_what_is_no_batch_is_refused(name: str) -> None:
    with pytest.raises(ProtocolError):
        wire.decode(frames(ALL[name]))


@pytest.mark.parametrize("name", VALID)
def test_a_frame_may_be_a_memoryview(name: str) -> None:
    given = frames(ALL[name])
    batch = wire.decode([memoryview(frame) for frame in given])
    assert [describe(m) for m in batch.messages] == ALL[name]["batch"]["messages"]


def test_each_vector_is_of_one_kind() -> None:
    assert len(VALID) + len(INVALID) == len(ALL)
    assert len(ALL) == sum(len(file.vectors) for file in generate.files()), "two vectors of one name"


def test_numbered_records_are_counted() -> None:
    batch = wire.decode(frames(ALL["batch:unnumbered-and-numbered"]))
    assert batch.numbered == 3
    assert wire.decode(frames(ALL["tolerance:extension-among-others"])).numbered == 2


def test_each_message_has_a_vector() -> None:
    described = [message for name in VALID for message in ALL[name]["batch"]["messages"]]
    assert {message["type"] for message in described} == {*DESCRIBED, "FRAGMENT", "EXTENSION"}
    for kind, message_class in CLASSES.items():
        optional = {f.name for f in dataclasses.fields(message_class) if f.name in OPTIONAL}
        for field in optional - {name for owner, name in NOT_OPTIONAL if owner == message_class.__name__}:
            having = {field in message for message in described if message["type"] == kind}
            assert having == {True, False}, f"{kind} with and without {field}"


def test_the_files_are_what_the_generator_writes() -> None:
    command = [sys.executable, str(generate.FOLDER / "generate.py"), "--check"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stdout + done.stderr


def test_check_names_the_files_that_differ(tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.setattr(generate, "FOLDER", tmp_path)
    assert generate.main([]) == 0
    assert generate.main(["--check"]) == 0
    (tmp_path / "calls.json").write_text("{}")
    (tmp_path / "old.json").write_text("{}")
    assert generate.main(["--check"]) == 1
    assert "calls.json, old.json" in capsys.readouterr().out
    assert generate.main(["--wrong"]) == 2
