"""callosum: an async RPC framework. Services are defined in an IDL, carried by a session that survives broken links."""

from callosum import auth, blocking
from callosum.compression import Compression
from callosum.connecting import ConnectEndpoint
from callosum.context import Call, current_call, current_peer, deadline
from callosum.endpoints import connect, listen
from callosum.errors import (
    AuthenticationError,
    CallosumError,
    Cancelled,
    Code,
    CodecError,
    ConfigurationError,
    ConnectError,
    ConnectionLost,
    DeadlineExceeded,
    DecodeError,
    EncodeError,
    Internal,
    InvalidArgument,
    Outcome,
    PermissionDenied,
    ProtocolError,
    ResourceExhausted,
    RpcError,
    TransportError,
    Unauthenticated,
    Unavailable,
    Unimplemented,
)
from callosum.fingerprint import Difference
from callosum.interceptors import Interceptor, Next, Retry
from callosum.listening import ListenEndpoint
from callosum.malloc import tune_malloc
from callosum.peer import Peer, PeerState
from callosum.protocol.limits import Limits
from callosum.service import Cardinality, Method, Service, ServiceClass, service_of
from callosum.session.scheduling import OrderedReplies, SerializedByKey, Unordered
from callosum.streams import BidiStream, ReceiveStream
from callosum.threads import in_thread

__all__ = [
    "AuthenticationError",
    "BidiStream",
    "Call",
    "CallosumError",
    "Cancelled",
    "Cardinality",
    "Code",
    "CodecError",
    "Compression",
    "ConfigurationError",
    "ConnectEndpoint",
    "ConnectError",
    "ConnectionLost",
    "DeadlineExceeded",
    "DecodeError",
    "Difference",
    "EncodeError",
    "Interceptor",
    "Internal",
    "InvalidArgument",
    "Limits",
    "ListenEndpoint",
    "Method",
    "Next",
    "OrderedReplies",
    "Outcome",
    "Peer",
    "PeerState",
    "PermissionDenied",
    "ProtocolError",
    "ReceiveStream",
    "ResourceExhausted",
    "Retry",
    "RpcError",
    "SerializedByKey",
    "Service",
    "ServiceClass",
    "TransportError",
    "Unauthenticated",
    "Unavailable",
    "Unimplemented",
    "Unordered",
    "auth",
    "blocking",
    "connect",
    "current_call",
    "current_peer",
    "deadline",
    "in_thread",
    "listen",
    "service_of",
    "tune_malloc",
]
