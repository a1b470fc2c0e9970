"""What an upper layer must give: an object of this shape under the entry point ``callosum.upper``.

It looks at a class and, where the class names a service of its IDL, returns a `Service` whose methods carry the
callables that turn values into bytes and back. It knows no network; the engine knows no IDL.
"""

from callosum.service import Cardinality, Method, MethodCodec, Parameter, Service, ServiceClass, UpperLayer

__all__ = ["Cardinality", "Method", "MethodCodec", "Parameter", "Service", "ServiceClass", "UpperLayer"]
