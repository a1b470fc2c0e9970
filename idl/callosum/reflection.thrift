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
