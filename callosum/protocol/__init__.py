"""The session protocol without I/O: no asyncio, no zmq, no codec of values."""
