# Written by callosum-gen from reflection.thrift: change that, and not this.
# ruff: noqa
"""What an endpoint tells about the interfaces that it serves, to whoever may call it.

`listen(..., reflection=True)` serves it, and so does `connect`.
"""
from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Protocol

from callosum.upper.thrift.runtime import (
    DeclaredException,
    Service,
    Struct,
    Stub,
    function,
    parameter,
    required,
    thrown,
)

__all__ = [
    "ServiceInfo",
    "InterfaceFile",
    "Description",
    "NoSuchService",
    "Reflection",
    "ReflectionLike",
    "ReflectionStub",
    "ReflectionBlockingStub",
    "ReflectionHandler",
]


class ServiceInfo(Struct):
    """A service that is served."""

    name: str = required(1, "string")
    """Its name on the wire."""
    fingerprint: str = required(2, "string")
    """Text that is equal where both sides have the same interface, as in the handshake."""
    codecs: list[str] = required(3, "list<string>")
    """The encodings of bodies that are understood, the preferred one first."""
    doc: str = required(4, "string")
    """What its interface says about it; empty where that says nothing."""


class InterfaceFile(Struct):
    """One file of an interface."""

    path: str = required(1, "string")
    """Relative, with "/" between its parts. None of these is "." or ".."."""
    text: str = required(2, "string")


class Description(Struct):
    """All that is known about the interface of a service."""

    info: ServiceInfo = required(1, "ServiceInfo")
    files: list[InterfaceFile] = required(2, "list<InterfaceFile>")
    """The files of its interface, each behind those that it includes; the last one defines the service. What a file
    includes is found beside it, or in the folder of the last one. Empty where the interface has no files.
    """
    text: str = required(3, "string")
    """The service for people: a line for each method."""


class NoSuchService(DeclaredException):
    """No such service is served."""

    name: str = required(1, "string")
    served: list[str] = required(2, "list<string>")
    """The names of those that are."""


class ReflectionLike(Protocol):
    """The methods of Reflection, as its stub and its handler have them."""

    @abstractmethod
    async def services(self) -> list[ServiceInfo]:
        """All services that are served, this one included."""

    @abstractmethod
    async def describe(self, name: str) -> Description:
        """The interface of one of them.

        Args:
            name: Its name on the wire.

        Raises:
            NoSuchService: No such service is served.
        """


class ReflectionStub(ReflectionLike, Stub, Protocol):
    """Calls Reflection on a peer: what ``peer.stub(Reflection)`` returns."""


class ReflectionBlockingStub(Stub, Protocol):
    """Calls Reflection, and waits: what ``stub(Reflection)`` of a `callosum.blocking` peer returns."""

    def services(self) -> list[ServiceInfo]: ...

    def describe(self, name: str) -> Description: ...


class ReflectionHandler(ReflectionLike, ABC):
    """Serves Reflection: derive from it, and give an instance to ``listen()``."""


class Reflection(
    Service[ReflectionStub, ReflectionBlockingStub],
    handler=ReflectionHandler,
    annotations={"callosum.name": "callosum.Reflection"},
):
    """Tells which services are served, and what their interfaces are."""

    thrift_functions = (
        function("services", "list<ServiceInfo>", annotations={"callosum.idempotent": "true"}),
        function(
            "describe",
            "Description",
            parameter(1, "name", "string"),
            throws=(thrown(1, "missing", "NoSuchService"),),
            annotations={"callosum.idempotent": "true"},
        ),
    )


__thrift_file__ = 'reflection.thrift'
__thrift_idl__ = """\
/**
 * What an endpoint tells about the interfaces that it serves, to whoever may call it.
 *
 * `listen(..., reflection=True)` serves it, and so does `connect`.
 */

namespace py callosum.builtin.reflection

/** A service that is served. */
struct ServiceInfo {
    /** Its name on the wire. */
    1: required string name
    /** Text that is equal where both sides have the same interface, as in the handshake. */
    2: required string fingerprint
    /** The encodings of bodies that are understood, the preferred one first. */
    3: required list<string> codecs
    /** What its interface says about it; empty where that says nothing. */
    4: required string doc
}

/** One file of an interface. */
struct InterfaceFile {
    /** Relative, with "/" between its parts. None of these is "." or "..". */
    1: required string path
    2: required string text
}

/** All that is known about the interface of a service. */
struct Description {
    1: required ServiceInfo info
    /**
     * The files of its interface, each behind those that it includes; the last one defines the service. What a file
     * includes is found beside it, or in the folder of the last one. Empty where the interface has no files.
     */
    2: required list<InterfaceFile> files
    /** The service for people: a line for each method. */
    3: required string text
}

/** No such service is served. */
exception NoSuchService {
    1: required string name
    /** The names of those that are. */
    2: required list<string> served
}

/** Tells which services are served, and what their interfaces are. */
service Reflection {
    /** All services that are served, this one included. */
    list<ServiceInfo> services() (callosum.idempotent = "true")

    /** The interface of one of them. */
    Description describe(
        /** Its name on the wire. */
        1: string name
    ) throws (1: NoSuchService missing) (callosum.idempotent = "true")
} (callosum.name = "callosum.Reflection")
"""
