"""The rules of ``breaking``. What breaks on the wire is an error, what breaks in source code only is a warning.

Breaking on the wire: something that a side with the one file sends cannot be decoded by a side with the other, or is
taken for something else, or is gone in silence. In source: what was sent is understood, but code has to change.
"""

from __future__ import annotations

from typing import Final

from callosum_codegen.findings import Rule, Severity

_rules: list[Rule] = []


def _wire(name: str, summary: str) -> Rule:
    _rules.append(Rule(name, Severity.ERROR, summary))
    return _rules[-1]


def _source(name: str, summary: str) -> Rule:
    _rules.append(Rule(name, Severity.WARNING, summary))
    return _rules[-1]


SERVICE_REMOVED: Final = _wire("service-removed", "a service is gone")
SERVICE_NAME_CHANGED: Final = _wire("service-name-changed", "a service has another name on the wire (callosum.name)")
EXTENDS_CHANGED: Final = _wire("extends-changed", "a service no longer extends one that it extended")
METHOD_REMOVED: Final = _wire("method-removed", "a method is gone, or has another name")
ONEWAY_CHANGED: Final = _wire("oneway-changed", "a method became oneway, or is no longer")
STREAM_CHANGED: Final = _wire("stream-changed", "a method streams in another mode")
RETURN_TYPE_CHANGED: Final = _wire("return-type-changed", "a method returns another type")
EXCEPTION_ADDED: Final = _wire("exception-added", "a method throws an exception that it did not throw")
EXCEPTION_REMOVED: Final = _wire("exception-removed", "a method no longer throws an exception")
EXCEPTION_CHANGED: Final = _wire("exception-changed", "a method throws another exception under the same id")
FIELD_REMOVED: Final = _wire("field-removed", "a field is gone and its id not reserved, or a parameter is gone")
FIELD_RETYPED: Final = _wire("field-retyped", "a field or parameter has another type on the wire")
FIELD_REUSED: Final = _wire("field-reused", "an id has another field, of another type")
FIELD_RENUMBERED: Final = _wire("field-renumbered", "a field or parameter has another id")
IMPLICIT_IDS_CHANGED: Final = _wire("implicit-ids-changed", "fields without ids stand in another order")
REQUIRED_ADDED: Final = _wire("required-added", "a new field or parameter is required")
REQUIRED_REMOVED: Final = _wire("required-removed", "a field that was required is gone")
REQUIREDNESS_CHANGED: Final = _wire("requiredness-changed", "a field became required, or is no longer")
RESERVED_REUSED: Final = _wire("reserved-reused", "a field has an id or a name that was reserved")
RESERVATION_REMOVED: Final = _wire("reservation-removed", "an id is no longer reserved, so it may be used again")
ARM_REMOVED: Final = _wire("union-arm-removed", "a union lacks an arm that it had")
ARM_ADDED: Final = _wire("union-arm-added", "a union has a new arm, which those with the old file refuse")
KIND_CHANGED: Final = _wire("kind-changed", "a struct became a union, an enum a struct, and so on")
ENUM_VALUE_REMOVED: Final = _wire("enum-value-removed", "a number of an enum has no name any more")
ENUM_VALUE_RENUMBERED: Final = _wire("enum-value-renumbered", "a member of an enum has another number")

FIELD_RENAMED: Final = _source("field-renamed", "a field or parameter has another name")
RESERVED_FIELD_REMOVED: Final = _source(
    "reserved-field-removed", "a field is gone and its id reserved, as it should be"
)
OPTIONAL_CHANGED: Final = _source("optional-changed", "a field became optional, or is no longer")
DEFAULT_CHANGED: Final = _source("default-changed", "a field or parameter has another default")
PARAMETER_ADDED: Final = _source("parameter-added", "a method has a new parameter, which handlers have to take")
PARAMETERS_REORDERED: Final = _source("parameters-reordered", "parameters stand in another order")
REQUIRED_REORDERED: Final = _source("required-reordered", "required fields stand in another order")
STRING_BINARY: Final = _source("string-binary-changed", "a string became binary, or binary a string")
ENUM_INTEGER: Final = _source("enum-i32-changed", "an enum became an i32, or an i32 an enum")
ENUM_VALUE_RENAMED: Final = _source("enum-value-renamed", "a member of an enum has another name")
SERVICE_RENAMED: Final = _source("service-renamed", "a service has another name, and the same one on the wire")
TYPE_REMOVED: Final = _source("type-removed", "a type is gone, and nothing on the wire with it")
TYPE_RENAMED: Final = _source("type-renamed", "a type has another name")
TYPE_MOVED: Final = _source("type-moved", "a type is in another file")
TYPE_REPLACED: Final = _source("type-replaced", "a field has another type, which is the same on the wire")
TYPEDEF_CHANGED: Final = _source("typedef-changed", "a typedef is another type")
EXCEPTION_KIND_CHANGED: Final = _source(
    "exception-kind-changed", "a struct became an exception, or the other way round"
)
FILE_REMOVED: Final = _source("file-removed", "a file is gone from a folder")
CONSTANT_REMOVED: Final = _source("constant-removed", "a constant is gone, or became a type, or a type became one")
CONSTANT_CHANGED: Final = _source("constant-changed", "a constant has another value or type")
NAMESPACE_CHANGED: Final = _source("namespace-changed", "a namespace is another one, or gone")

RULES: Final = tuple(_rules)
"""All of them."""
