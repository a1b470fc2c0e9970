"""Every method of every service, called over tcp in another process, by a client of this version, an older and a newer.

The server answers with what both sides can draw from the arguments that it got (see `process`).
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import callosum
from callosum.errors import DecodeError, InvalidArgument, Outcome
from callosum.upper.thrift.emit.scope import function_name
from callosum.upper.thrift.service import Function
from callosum.upper.thrift.spec import StructType, Type
from tests.interop.catalogue import EXAMPLES, SERVING, TEST_TIMEOUT, IdlFile, functions_of, with_bases
from tests.interop.expecting import Unreadable, digest, drawn, received, received_fields
from tests.interop.process import PATIENCE, WITNESS, answer, serving
from tests.interop.rewriting import Version, rewritten
from tests.interop.tally import tally
from tests.interop.test_values import BOUNDED, assert_is
from tests.upper.thrift.oracles import structs

pytestmark = pytest.mark.timeout(TEST_TIMEOUT)
CALL_TIMEOUT = 10.0
Arguments = tuple[list[Any], bool]


@pytest.mark.parametrize("file", SERVING, ids=str)
def test_every_method_of_every_service(file: IdlFile, versions: Path) -> None:
    with serving(file.path) as address:
        asyncio.run(call_all(file, file, address))
        for version in (Version.OLDER, Version.NEWER):
            asyncio.run(call_all(file, rewritten(file, version, versions), address))


async def call_all(file: IdlFile, caller: IdlFile, address: str) -> None:
    planned = [
        (own, server, function, arguments_of(file, own, function))
        for theirs, ours in zip(file.services, caller.services, strict=True)
        for base, own in zip(with_bases(theirs), with_bases(ours), strict=True)
        for server, function in zip(functions_of(base).values(), functions_of(own).values(), strict=True)
    ]
    async with callosum.connect(address, timeout=CALL_TIMEOUT) as peer:
        witness = peer.stub(WITNESS.Witness)
        for service, server, function, arguments in planned:
            await _Calls(file, peer.stub(service), witness, function, server).make(arguments)


def arguments_of(file: IdlFile, service: type, function: Function) -> list[Arguments]:
    """Hypothesis makes them where the service is the file's own, and the caller has the same version."""
    return built(function) if service in file.services else seeded(function)


def built(function: Function) -> list[Arguments]:
    """Arguments that hypothesis makes, and whether they are given by name."""
    found: list[Arguments] = []

    @BOUNDED
    @given(structs(function.args.cls), st.booleans())
    def collect(value: Any, is_by_name: bool) -> None:
        found.append((fields_of(function, value), is_by_name))

    collect()
    return found


def seeded(function: Function) -> list[Arguments]:
    """The same, with less work."""
    kind = StructType(function.args.cls)
    values = (drawn(kind, random.Random(f"{function.name} {number}")) for number in range(EXAMPLES))
    return [(fields_of(function, value), bool(number % 2)) for number, value in enumerate(values)]


def fields_of(function: Function, value: Any) -> list[Any]:
    return [getattr(value, one.name) for one in function.args.fields]


class _Calls:
    """Calls of one method."""

    def __init__(self, file: IdlFile, stub: Any, witness: Any, caller: Function, server: Function) -> None:
        self.file = file
        self.stub = stub
        self.witness = witness
        self.caller = caller
        self.server = server

    async def make(self, arguments: list[Arguments]) -> None:
        for values, is_by_name in arguments:
            try:
                seen = received_fields(self.server.args, self.caller.args, values)
            except Unreadable:
                await self.refused(values)
                continue
            if self.caller.is_oneway:
                await self.oneway(values, seen)
                continue
            for outcome in range(len(self.server.errors) + 1):
                await self.unary(values, seen, outcome, is_by_name=is_by_name)

    def start(self, values: list[Any], outcome: int, *, is_by_name: bool = False) -> Any:
        """The call, not yet awaited."""
        stub = self.stub.with_options(metadata={"outcome": str(outcome)})
        method = getattr(stub, function_name(self.caller.name))
        if is_by_name:
            return method(**{one.name: value for one, value in zip(self.caller.args.fields, values, strict=True)})
        return method(*values)

    async def refused(self, values: list[Any]) -> None:
        """The server cannot read a union in the arguments."""
        if self.caller.is_oneway:
            return
        answered = await outcome_of(self.start(values, 0))
        assert isinstance(answered, InvalidArgument)
        assert answered.outcome is Outcome.REJECTED
        tally(self.file, "refused")

    async def oneway(self, values: list[Any], seen: dict[str, Any]) -> None:
        """The server tells afterwards what it got."""
        assert await self.start(values, 0) is None
        wanted = f"{self.caller.name} {digest(seen)}"
        end = time.monotonic() + PATIENCE
        while not (calls := await self.witness.seen()) and time.monotonic() < end:
            await asyncio.sleep(0.001)
        assert calls == [wanted]
        tally(self.file, "oneways")

    async def unary(self, values: list[Any], seen: dict[str, Any], outcome: int, *, is_by_name: bool) -> None:
        """A result, or a declared exception, that the caller must be able to read, or must refuse."""
        answered = await outcome_of(self.start(values, outcome, is_by_name=is_by_name))
        caller, server = _type_of(self.caller, outcome), _type_of(self.server, outcome)
        if caller is None or server is None:
            assert answered is None
            tally(self.file, "results")
            return
        try:
            expected = received(caller, server, answer(self.server, outcome, seen))
        except Unreadable:
            assert isinstance(answered, DecodeError)
            assert answered.outcome is Outcome.EXECUTED
            tally(self.file, "refused")
            return
        assert_is(caller, answered, expected)
        tally(self.file, "exceptions" if outcome else "results")


async def outcome_of(call: Awaitable[Any]) -> Any:
    """What the call returned, or raised."""
    try:
        return await call
    except Exception as error:
        return error


def _type_of(function: Function, outcome: int) -> Type | None:
    if outcome:
        return function.errors[outcome - 1].type
    return function.success.type if function.success else None
