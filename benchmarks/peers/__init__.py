"""The peers, one module each; the names are those of `--peers`."""

NAMES = ("callosum", "grpc_aio", "msgpack_streams", "msgpack_batched", "zmq_asyncio", "zmq_blocking")
