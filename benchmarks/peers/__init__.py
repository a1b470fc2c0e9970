"""The peers, one module each; the names are those of `--peers`."""

from __future__ import annotations

import importlib

from benchmarks.contract import Peer

NAMES = (
    "callosum",
    "grpc_aio",
    "grpclib",
    "thriftpy2_aio",
    "apache_thrift",
    "pycapnp",
    "msgpack_streams",
    "msgpack_batched",
    "zmq_asyncio",
    "zmq_blocking",
)


def load(name: str) -> Peer:
    """The peer of that name. Raises ModuleNotFoundError where its package is not installed."""
    peer: Peer = importlib.import_module(f"{__name__}.{name}").PEER
    return peer
