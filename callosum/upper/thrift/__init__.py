"""Thrift: `load` reads a .thrift file, and `ThriftLayer` makes services of Thrift's service classes.

thriftpy2's metadata is the seam: what has a ``thrift_spec`` is a struct, what has ``thrift_services`` is a service,
wherever it comes from. A module of ``thriftpy2.load()`` works as one of `load` does, but there enums are integers, and
unions are checked only where the module is in ``sys.modules``.
"""

from __future__ import annotations

from callosum.service import Service
from callosum.upper.thrift.idl.faults import IdlError
from callosum.upper.thrift.import_hook import install_import_hook, remove_import_hook
from callosum.upper.thrift.loader import load, load_string
from callosum.upper.thrift.service import is_service_class, thrift_service

__all__ = ["IdlError", "ThriftLayer", "install_import_hook", "load", "load_string", "remove_import_hook"]


class ThriftLayer:
    """The IDL layer of Thrift, registered under the entry point ``callosum.upper``."""

    name = "thrift"

    def service_of(self, service_class: type) -> Service | None:
        """The service of a class of Thrift's, or None where the class is none.

        Raises:
            ConfigurationError: Its IDL has faults.
        """
        return thrift_service(service_class) if is_service_class(service_class) else None
