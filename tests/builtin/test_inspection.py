from __future__ import annotations

from contextlib import asynccontextmanager

import pytest

import callosum
from callosum import DecodeError, Outcome
from callosum.builtin import inspection
from callosum.builtin.inspection import Served, list_services, read_interface
from callosum.builtin.reflection import Description, InterfaceFile, NoSuchService, Reflection, ServiceInfo
from callosum.service import service_of
from callosum.upper import thrift
from tests.services import Echo, Handler, new_address, run, run_real


@asynccontextmanager
async def telling(files=(), text="", doc="", services=1):
    """A peer that tells what a test wants."""
    info = ServiceInfo(name="S", fingerprint="f", codecs=["c"], doc=doc)

    class Liar:
        async def services(self):
            return [info] * services

        async def describe(self, name):
            return Description(info=info, files=[InterfaceFile(path=p, text=t) for p, t in files], text=text)

    address = new_address()
    async with callosum.listen(address, {Reflection: Liar()}), callosum.connect(address) as peer:
        yield peer


def refused(**told):
    async def main():
        async with telling(**told) as peer:
            with pytest.raises(DecodeError) as caught:
                await read_interface(peer, "S")
            return caught.value

    return run(main())


def test_an_interface_is_fetched_and_can_be_loaded(tmp_path):
    source = tmp_path / "source"
    (source / "lib").mkdir(parents=True)
    (source / "lib" / "shared.thrift").write_text("struct Line { 1: string text }\n")
    (source / "log.thrift").write_text(
        'include "lib/shared.thrift"\n/** Lines. */\nservice Log { shared.Line last() }\n'
    )
    log = thrift.load(source / "log.thrift").Log

    class LogHandler:
        async def last(self):
            raise NotImplementedError

    async def main():
        async with (
            callosum.listen("tcp://127.0.0.1:0", {log: LogHandler()}, reflection=True) as server,
            callosum.connect(server.addresses) as peer,
        ):
            first, itself = await list_services(peer)
            assert first == Served("Log", service_of(log).fingerprint, service_of(log).codecs, "Lines.")
            assert itself.name == "callosum.Reflection"
            return await read_interface(peer, "Log")

    interface = run_real(main())
    assert list(interface.files) == ["lib/shared.thrift", "log.thrift"]
    assert interface.text == "service Log  # Lines.\n    last() -> Line"
    path = interface.save(tmp_path / "copy")
    assert path == tmp_path / "copy" / "log.thrift"
    for name in interface.files:
        assert (tmp_path / "copy" / name).read_text() == (source / name).read_text()
    again = thrift.load(path, module_name="copied_log_thrift").Log
    assert service_of(again).fingerprint == interface.service.fingerprint


def test_a_peer_that_does_not_tell():
    async def main():
        address = new_address()
        async with callosum.listen(address, {Echo: Handler()}), callosum.connect(address) as peer:
            for call in (list_services(peer), read_interface(peer, "Echo")):
                with pytest.raises(callosum.Unimplemented, match="it has to listen with reflection=True") as caught:
                    await call
                assert caught.value.outcome is Outcome.REJECTED

    run(main())


def test_a_service_that_is_not_served():
    async def main():
        address = new_address()
        async with callosum.listen(address, {Echo: Handler()}, reflection=True), callosum.connect(address) as peer:
            with pytest.raises(NoSuchService) as caught:
                await read_interface(peer, "Nothing")
            assert caught.value.served == ["Echo", "callosum.Reflection"]

    run(main())


def test_an_interface_without_files(tmp_path):
    async def main():
        async with telling(text="service S") as peer:
            interface = await read_interface(peer, "S")
            assert interface.files == {}
            assert interface.text == "service S"
            with pytest.raises(ValueError, match="the interface of S has no files"):
                interface.save(tmp_path)

    run(main())


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/etc/passwd",
        "../a.thrift",
        "a/../../b.thrift",
        "a/./b.thrift",
        "a//b.thrift",
        "a/",
        "a/ ./b.thrift",
        ".../a.thrift",
        "C:/a.thrift",
        "a\\b.thrift",
        "a\0.thrift",
        "a\n.thrift",
        "\x1b[31m.thrift",
        "\u202ea.thrift",
        "a*.thrift",
        "a" * 256,
    ],
)
def test_a_path_that_leads_elsewhere_is_refused(path):
    error = refused(files=[("fine.thrift", ""), (path, "")])
    assert error.outcome is Outcome.EXECUTED
    assert str(error).startswith("callosum.Reflection.describe: the path")
    assert len(str(error)) < 600


@pytest.mark.parametrize(
    "paths",
    [
        ("a.thrift", "a.thrift"),
        ("a.thrift", "A.thrift"),
        ("a", "a/b.thrift"),
        ("x/a/b.thrift", "x/A"),
    ],
)
def test_files_that_would_be_in_one_place_are_refused(paths):
    assert "two files would be at" in str(refused(files=[(path, "") for path in paths]))


def test_what_is_told_is_bounded(monkeypatch):
    monkeypatch.setattr(inspection, "MAX_TEXT", 1000)
    monkeypatch.setattr(inspection, "MAX_FILES", 10)
    monkeypatch.setattr(inspection, "MAX_SERVICES", 10)
    assert "11 files; the bound is 10" in str(refused(files=[(f"{n}.thrift", "") for n in range(11)]))
    assert "1002 characters in files" in str(refused(files=[("a.thrift", "x" * 501), ("b.thrift", "x" * 501)]))
    assert "1001 characters; the bound is 1000" in str(refused(text="x" * 1001))

    async def main():
        async with telling(services=11) as peer:
            with pytest.raises(DecodeError, match="11 services; the bound is 10"):
                await list_services(peer)

    run(main())


def test_texts_for_people_do_not_speak_to_a_terminal():
    async def main():
        async with telling(text="a\x1b[31mb\n\tc\r", doc="\x07\u202e") as peer:
            interface = await read_interface(peer, "S")
            assert interface.text == "a\ufffd[31mb\n\tc\ufffd"
            assert interface.service.doc == "\ufffd\ufffd"

    run(main())
