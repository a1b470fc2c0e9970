"""A peer that tells what it serves, as pages for a terminal.

Law: what arrives is a stranger's: no character of it that a terminal would obey is printed.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import callosum
from callosum.builtin.inspection import Interface, Served, list_services, read_interface
from callosum.errors import ConfigurationError
from callosum.upper.thrift.idl.faults import IdlError
from callosum.upper.thrift.idl.model import Document, Service, value_of
from callosum.upper.thrift.idl.reading import read
from callosum_codegen.describe.pages import page
from callosum_codegen.describe.target import find
from callosum_codegen.settings import did_you_mean
from callosum_codegen.spelling import printable


@dataclass(frozen=True, slots=True)
class _Told:
    """What a peer told: the services that it has, and the interfaces of those that were asked for."""

    services: Sequence[Served]
    interfaces: Sequence[Interface]


def describe_peer(address: str, name: str | None) -> Iterator[str]:
    """The lines about what is served at an address: all services, or one of them, a method or a type.

    Raises:
        ConfigurationError: The name means nothing there, or the interface that was told has faults.
        CallosumError: There is no peer, or it does not tell.
    """
    told = asyncio.run(_ask(address, name))
    if name is None:
        yield from _overview(told)
        return
    if not told.interfaces:
        names = [one.name for one in told.services]
        raise ConfigurationError(f"{address}: it serves no {printable(name)}: {did_you_mean(name, names)}")
    interface = told.interfaces[0]
    if not interface.files:
        yield interface.text
        return
    with tempfile.TemporaryDirectory(prefix="callosum-gen-") as folder:
        path = interface.save(Path(folder))
        for file in Path(folder).rglob("*.thrift"):
            file.write_text(printable(file.read_text(encoding="utf-8")), encoding="utf-8", newline="")
        try:
            program = read(path, [path.parent])
        except IdlError as error:
            faults = str(error).replace(f"{folder}{os.sep}", "")
            raise ConfigurationError(f"{address}: the interface that it told has faults:\n{faults}") from None
        yield from page(program, find(program, _name_in_file(program.root, interface, name), address))


async def _ask(address: str, name: str | None) -> _Told:
    async with callosum.connect(address, connect_timeout=5.0) as peer:
        services = await list_services(peer)
        wanted = [one for one in services if name is None or name == one.name or name.startswith(f"{one.name}.")]
        wanted = sorted(wanted, key=lambda one: len(one.name))[-1:] if name is not None else wanted
        return _Told(services, [await read_interface(peer, one.name) for one in wanted])


def _overview(told: _Told) -> Iterator[str]:
    for index, one in enumerate(told.interfaces):
        if index:
            yield ""
        yield one.text


def _name_in_file(document: Document, interface: Interface, name: str) -> str:
    """A service's name on the wire, or that of one of its methods, as the file has it."""
    wire_name = interface.service.name
    for one in document.definitions:
        if isinstance(one, Service) and (value_of(one.annotations, "callosum.name") or one.name) == wire_name:
            return f"{one.name}{name.removeprefix(wire_name)}"
    raise ConfigurationError(f"{wire_name}: the interface that the peer told has no such service")
