"""Calls in the compact protocol, over a session."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import callosum
from callosum import testing
from callosum.service import service_of
from callosum.upper.thrift import load
from tests.services import run

IDL = """
exception Refused {{ 1: string reason }}
service Notes {{
    list<i32> put(1: list<i32> numbers, 2: bool wanted) throws (1: Refused refused)
    oneway void note(1: string text)
}} {annotations}
"""
PREFERRING = '(callosum.encoding = "compact")'


def loaded(tmp_path: Path, name: str, annotations: str) -> Any:
    path = tmp_path / f"{name}.thrift"
    path.write_text(IDL.format(annotations=annotations))
    return load(path)


class Handler:
    def __init__(self, module: Any) -> None:
        self.module = module
        self.noted: list[str] = []

    async def put(self, numbers: list[int], wanted: bool) -> list[int]:
        if not wanted:
            raise self.module.Refused(reason="not wanted")
        return numbers

    async def note(self, text: str) -> None:
        self.noted.append(text)


@pytest.mark.parametrize(
    ("server", "client", "expected"),
    [
        (PREFERRING, PREFERRING, ("", "thrift-compact")),
        (PREFERRING, "", ("", "thrift-compact")),
        ("", PREFERRING, ("", "thrift-binary")),
        ("", "", ("", "thrift-binary")),
    ],
)
def test_who_serves_says_which_encoding_is_taken(
    server: str, client: str, expected: tuple[str, str], tmp_path: Path
) -> None:
    serving, calling = loaded(tmp_path, "serving", server), loaded(tmp_path, "calling", client)
    handler = Handler(serving)
    assert service_of(serving.Notes).codecs[0] == ("thrift-compact" if server else "thrift-binary")
    assert set(service_of(serving.Notes).codecs) == set(service_of(calling.Notes).codecs)

    async def main() -> None:
        async with testing.serve_in_memory({serving.Notes: handler}) as peer:
            notes = peer.stub(calling.Notes)
            assert await notes.put([1, 2**31 - 1], True) == [1, 2**31 - 1]
            with pytest.raises(calling.Refused) as caught:
                await notes.put([], wanted=False)
            assert caught.value.reason == "not wanted"
            await notes.note("written")
            with pytest.raises(callosum.EncodeError, match=r"^Notes\.put\.args\.numbers\[0\]: the IDL says i32"):
                await notes.put(["x"], True)
            method = service_of(calling.Notes).methods["put"]
            name, codec = peer.route.session.codec(method)
            assert (name, codec) == (expected[0], method.codecs[expected[1]])

    run(main())
    assert handler.noted == ["written"]


def test_a_request_may_name_another_encoding_than_the_first(tmp_path: Path) -> None:
    module = loaded(tmp_path, "notes", "")
    method = service_of(module.Notes).methods["put"]
    compact = method.codecs["thrift-compact"]

    async def main() -> None:
        async with testing.serve_in_memory({module.Notes: Handler(module)}) as peer:
            session = peer.route.session
            body = compact.encode_args([1, -1], True)
            assert body == b"\x19\x25\x02\x01\x11\0"
            reply = await session.call(method, "thrift-compact", body)
            assert isinstance(reply, bytes)
            assert compact.decode_result(reply) == [1, -1]
            with pytest.raises(callosum.InvalidArgument):
                await session.call(method, "thrift-binary", body)

    run(main())
