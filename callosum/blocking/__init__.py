"""callosum without async: for scripts, notebooks, and programs of threads.

    with callosum.blocking.connect(address) as peer:
        print(peer.stub(echo.Echo).say("hi"))

It is the async side, run by one event loop in a background thread; the calling thread waits. What is ambient takes
part: a call inherits the deadline, and in a handler with `callosum.in_thread` that of its own call, and its trace.
"""

from callosum.blocking.endpoints import ConnectEndpoint, ListenEndpoint, connect, listen
from callosum.blocking.peer import Peer, current_peer
from callosum.blocking.streams import BidiStream, ReceiveStream
from callosum.context import capped as deadline

__all__ = [
    "BidiStream",
    "ConnectEndpoint",
    "ListenEndpoint",
    "Peer",
    "ReceiveStream",
    "connect",
    "current_peer",
    "deadline",
    "listen",
]
