"""A server for all services of a .thrift file: ``python -m tests.interop.process FILE``.

It prints its address, and ends when its stdin does. What a method answers depends on the values that its handler got,
and on what the caller's metadata asks for: the result (``outcome`` 0), or one of the declared exceptions (1 for the
first). Both sides draw the same values, so whatever was changed on either way shows.
"""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import callosum
from callosum.context import current_call
from callosum.upper.thrift import load
from callosum.upper.thrift.emit.scope import function_name
from callosum.upper.thrift.service import Function
from callosum.upper.thrift.spec import Struct
from tests.interop.catalogue import HERE, functions_of, services_of
from tests.interop.expecting import digest, drawn
from tests.upper.thrift.oracles import plain

ROOT = HERE.parents[1]
PATIENCE = 10.0
"""Seconds for a process to end."""
WITNESS = load(HERE / "witness.thrift")


def answer(function: Function, outcome: int, arguments: dict[str, Any]) -> Any:
    """What a method answers to arguments in plain form: a value, or an exception; None where it returns nothing."""
    source = random.Random(f"{function.name} {outcome} {digest(arguments)}")
    if outcome:
        return drawn(function.errors[outcome - 1].type, source)
    return drawn(function.success.type, source) if function.success else None


def by_name(args: Struct, values: tuple[Any, ...]) -> dict[str, Any]:
    """The arguments that a handler got, in plain form."""
    given = zip(args.fields, values, strict=True)
    return {one.name: plain(one.type, value) for one, value in given if value is not None}


class WitnessHandler:
    """Remembers the oneway calls."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    async def seen(self) -> list[str]:
        """All since the last time."""
        calls, self.calls = self.calls, []
        return calls


def _method(function: Function, witness: WitnessHandler) -> Callable[..., Any]:
    async def call(self: object, *values: Any) -> Any:
        arguments = by_name(function.args, values)
        if function.is_oneway:
            witness.calls.append(f"{function.name} {digest(arguments)}")
            return None
        made = answer(function, int(current_call().metadata["outcome"]), arguments)
        if isinstance(made, BaseException):
            raise made
        return made

    return call


def handler(service: type, witness: WitnessHandler) -> object:
    """A handler of a service, whatever it is."""
    methods = {function_name(name): _method(one, witness) for name, one in functions_of(service).items()}
    return type(f"{service.__name__}Handler", (), methods)()


async def serve(path: str) -> None:
    witness = WitnessHandler()
    services = {service: handler(service, witness) for service in services_of(load(path))}
    async with callosum.listen("tcp://127.0.0.1:0", {**services, WITNESS.Witness: witness}) as server:
        print(server.addresses[0], flush=True)
        await asyncio.to_thread(sys.stdin.readline)


@contextmanager
def serving(path: Path) -> Iterator[str]:
    """The address of such a process. It is ended, and must end well."""
    command = [sys.executable, "-m", "tests.interop.process", str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
            process.stdin.close()
            assert process.wait(PATIENCE) == 0
        finally:
            process.kill()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1]))
