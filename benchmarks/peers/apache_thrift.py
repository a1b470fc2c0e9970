"""Apache Thrift's library: TThreadedServer, TBinaryProtocolAccelerated (in C), buffered transport, blocking clients.

The structs are written by hand, as its generator would write them for echo.thrift.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, ClassVar

from thrift.protocol.TBinaryProtocol import TBinaryProtocolAcceleratedFactory
from thrift.server.TServer import TThreadedServer
from thrift.Thrift import TMessageType, TProcessor, TType
from thrift.transport import TSocket, TTransport

from benchmarks.contract import Client, Peer

THREADS = 10

TEXT, BYTES, I64 = (TType.STRING, "UTF8"), (TType.STRING, "BINARY"), (TType.I64, None)


class Struct:
    """What all structs share: the codec in C reads and writes them by their ``thrift_spec``."""

    thrift_spec: ClassVar[tuple[Any, ...]] = ()

    def __init__(self, *values: Any, **fields: Any) -> None:
        names = [field[2] for field in self.thrift_spec if field is not None]
        for name, value in {**dict.fromkeys(names), **dict(zip(names, values, strict=False)), **fields}.items():
            setattr(self, name, value)

    def write(self, protocol: Any) -> None:  # thrift has no types
        protocol.trans.write(protocol._fast_encode(self, [type(self), self.thrift_spec]))  # noqa: SLF001 - as generated

    def read(self, protocol: Any) -> None:
        protocol._fast_decode(self, protocol, [type(self), self.thrift_spec])  # noqa: SLF001 - as generated


class SayArguments(Struct):
    """``say(1: string message)``."""

    thrift_spec = (None, (1, TEXT[0], "message", TEXT[1], None))


class SayResult(Struct):
    """``string``."""

    thrift_spec = ((0, TEXT[0], "success", TEXT[1], None),)


class BlobArguments(Struct):
    """``blob(1: binary payload)``."""

    thrift_spec = (None, (1, BYTES[0], "payload", BYTES[1], None))


class BlobResult(Struct):
    """``binary``."""

    thrift_spec = ((0, BYTES[0], "success", BYTES[1], None),)


class AddArguments(Struct):
    """``add(1: i64 left, 2: i64 right)``."""

    thrift_spec = (None, (1, I64[0], "left", I64[1], None), (2, I64[0], "right", I64[1], None))


class AddResult(Struct):
    """``i64``."""

    thrift_spec = ((0, I64[0], "success", I64[1], None),)


class Processor(TProcessor):  # type: ignore[misc]  # thrift has no types
    """Reads a call, and writes its reply."""

    def __init__(self) -> None:
        self._methods: dict[str, tuple[type[Struct], type[Struct], Callable[[Any], object]]] = {
            "say": (SayArguments, SayResult, lambda arguments: arguments.message),
            "blob": (BlobArguments, BlobResult, lambda arguments: arguments.payload),
            "add": (AddArguments, AddResult, lambda arguments: arguments.left + arguments.right),
        }

    def process(self, iprot: Any, oprot: Any) -> Any:
        name, _, number = iprot.readMessageBegin()
        arguments_class, result_class, handler = self._methods[name]
        arguments = arguments_class()
        arguments.read(iprot)
        iprot.readMessageEnd()
        write(oprot, name, TMessageType.REPLY, number, result_class(handler(arguments)))
        return True


def write(protocol: Any, name: str, kind: int, number: int, struct: Struct) -> None:
    """One message."""
    protocol.writeMessageBegin(name, kind, number)
    struct.write(protocol)
    protocol.writeMessageEnd()
    protocol.trans.flush()


async def serve(port: int, ready: Callable[[], None]) -> None:
    transport = TSocket.TServerSocket("127.0.0.1", port)
    protocols = TBinaryProtocolAcceleratedFactory(fallback=False)
    server = TThreadedServer(Processor(), transport, TTransport.TBufferedTransportFactory(), protocols, daemon=True)
    transport.listen()
    transport.listen = lambda: None  # done; the thread's comes too late for `ready`
    ready()
    await asyncio.to_thread(server.serve)


class Calls:
    """Calls that block; awaiting them costs 0.1 µs."""

    def __init__(self, protocol: Any) -> None:
        self._protocol = protocol

    def _call(self, name: str, arguments: Struct, result: Any) -> Any:
        protocol = self._protocol
        write(protocol, name, TMessageType.CALL, 0, arguments)
        protocol.readMessageBegin()
        result.read(protocol)
        protocol.readMessageEnd()
        return result.success

    async def say(self, message: str) -> str:
        said: str = self._call("say", SayArguments(message), SayResult())
        return said

    async def blob(self, payload: bytes) -> bytes:
        echoed: bytes = self._call("blob", BlobArguments(payload), BlobResult())
        return echoed

    async def add(self, left: int, right: int) -> int:
        total: int = self._call("add", AddArguments(left, right), AddResult())
        return total

    async def park(self) -> None:
        raise NotImplementedError


@asynccontextmanager
async def connect(port: int) -> AsyncIterator[Client]:
    transport = TTransport.TBufferedTransport(TSocket.TSocket("127.0.0.1", port))
    transport.open()
    try:
        yield Calls(TBinaryProtocolAcceleratedFactory(fallback=False).getProtocol(transport))
    finally:
        transport.close()


PEER = Peer(
    f"Apache Thrift, blocking, {THREADS} threads",
    serve,
    connect,
    in_flight=(1, 8, 100),
    uvloop=False,
    threads=THREADS,
    parks=False,
    bursts=False,
)
