from __future__ import annotations

from typing import Protocol

import pytest

import callosum
from callosum.builtin.reflection import NoSuchService, Reflection
from callosum.service import Service, service_of
from callosum.upper import json, thrift
from tests.services import Agent, Echo, Handler, make_service, new_address, run, service_class, until

NAME = "callosum.Reflection"


@json.service
class Notes(Protocol):
    """Keeps notes."""

    async def note(self, text: str) -> int:
        """Keep one."""
        ...


class NotesHandler:
    async def note(self, text: str) -> int:
        return len(text)


def test_it_is_off_by_default():
    async def main():
        address = new_address()
        async with callosum.listen(address, {Echo: Handler()}), callosum.connect(address) as peer:
            with pytest.raises(callosum.Unimplemented):
                await peer.stub(Reflection).services()
            assert [one.name for one in peer.services] == ["Echo"]

    run(main())


def test_what_is_served_is_told():
    async def main():
        address = new_address()
        services: dict[type, object] = {Notes: NotesHandler(), Echo: Handler()}
        async with callosum.listen(address, services, reflection=True), callosum.connect(address) as peer:
            told = await peer.stub(Reflection).services()
            assert [one.name for one in told] == ["Notes", "Echo", NAME]
            assert [(one.name, one.fingerprint, tuple(one.codecs)) for one in told] == [
                (one.name, one.fingerprint, one.codecs) for one in peer.services
            ]
            assert told[0].doc == "Keeps notes."
            assert await peer.stub(Notes).note("four") == 4

    run(main())


def test_an_interface_without_files_is_told_as_text():
    async def main():
        address = new_address()
        async with (
            callosum.listen(address, {Notes: NotesHandler()}, reflection=True),
            callosum.connect(address) as peer,
        ):
            told = await peer.stub(Reflection).describe("Notes")
            assert told.files == []
            assert told.text == "service Notes  # Keeps notes.\n    note(text: str) -> int  # Keep one."
            assert told.info.doc == "Keeps notes."

    run(main())


def test_an_interface_with_files_is_told_whole(tmp_path):
    (tmp_path / "shared.thrift").write_text("struct Line { 1: string text }\n")
    (tmp_path / "log.thrift").write_text(
        '/** The log. */\ninclude "shared.thrift"\nservice Log { shared.Line last() }\n'
    )
    log = thrift.load(tmp_path / "log.thrift")

    class LogHandler:
        async def last(self):
            raise NotImplementedError

    async def main():
        address = new_address()
        async with (
            callosum.listen(address, {log.Log: LogHandler()}, reflection=True),
            callosum.connect(address) as peer,
        ):
            told = await peer.stub(Reflection).describe("Log")
            assert [one.path for one in told.files] == ["shared.thrift", "log.thrift"]
            assert [one.text for one in told.files] == [(tmp_path / one.path).read_text() for one in told.files]
            itself = await peer.stub(Reflection).describe(NAME)
            assert [one.path for one in itself.files] == ["reflection.thrift"]

    run(main())


def test_the_bases_of_what_is_served_are_told_too():
    base = make_service("Base", ("say",))
    derived = make_service("Derived", ("say",), bases=(service_of(base),))

    async def main():
        address = new_address()
        async with callosum.listen(address, {derived: Handler()}, reflection=True), callosum.connect(address) as peer:
            told = await peer.stub(Reflection).services()
            assert [one.name for one in told] == ["Derived", "Base", NAME]

    run(main())


def test_a_service_that_is_not_served():
    async def main():
        address = new_address()
        async with callosum.listen(address, {Echo: Handler()}, reflection=True), callosum.connect(address) as peer:
            with pytest.raises(NoSuchService) as caught:
                await peer.stub(Reflection).describe("Agent")
            assert (caught.value.name, caught.value.served) == ("Agent", ["Echo", NAME])

    run(main())


def test_the_connecting_side_tells_too():
    async def main():
        address = new_address()
        async with (
            callosum.listen(address, {}) as server,
            callosum.connect(address, {Agent: Handler()}, reflection=True),
            callosum.connect(address, reflection=True),
        ):
            await until(lambda: len(server.peers) == 2)
            told = sorted([[one.name for one in await peer.stub(Reflection).services()] for peer in server.peers])
            assert told == [["Agent", NAME], [NAME]]

    run(main())


def test_handlers_that_name_their_service():
    class Named(Handler):
        __callosum_service__ = service_of(Echo)

    async def main():
        address = new_address()
        async with callosum.listen(address, [Named()], reflection=True), callosum.connect(address) as peer:
            assert [one.name for one in await peer.stub(Reflection).services()] == ["Echo", NAME]
            assert await peer.stub(Echo).say("x") == "x"

    run(main())


def test_faults_of_handlers_are_named_as_ever():
    with pytest.raises(callosum.ConfigurationError, match="object does not fit Echo: it has no method say"):
        callosum.listen(new_address(), {Echo: object()}, reflection=True)
    own = service_class(Service(NAME, {}, ""))
    with pytest.raises(callosum.ConfigurationError, match=f"two handlers for a service {NAME}"):
        callosum.listen(new_address(), {own: object()}, reflection=True)
