"""The rules of ``lint``. On by default is what is hardly ever meant; what is a matter of taste is off."""

from __future__ import annotations

from typing import Final

from callosum_codegen.findings import Rule, Severity

_rules: list[Rule] = []


def _on(name: str, summary: str) -> Rule:
    _rules.append(Rule(name, Severity.WARNING, summary))
    return _rules[-1]


def _off(name: str, summary: str) -> Rule:
    _rules.append(Rule(name, Severity.WARNING, summary, is_on=False))
    return _rules[-1]


NAMESPACE_MISSING: Final = _on("namespace-missing", "no `namespace py`: the module is called as the file is")
MODULE_NAME: Final = _on("module-name", "the namespace cannot be imported in Python: the module has another name")
TYPE_NAME: Final = _on("type-name", "a struct, union, exception, enum or service is not in CapWords")
CONSTANT_NAME: Final = _on("constant-name", "a constant or a member of an enum is not in UPPER_CASE")
PYTHON_NAME: Final = _on(
    "python-name", "a name is another one in Python, which has a use for it, or it hides a builtin"
)
CASE_CLASH: Final = _on("case-clash", "two names beside each other differ in case only")
IMPLICIT_ID: Final = _on("implicit-id", "a field has no id: its place in the list becomes its id")
IMPLICIT_VALUE: Final = _on("enum-implicit-value", "members of an enum have no numbers: their places become those")
DUPLICATE_VALUE: Final = _on("enum-duplicate-value", "two members of an enum have the same number")
RISKY_KEY: Final = _on("risky-key", "the key of a map, or the element of a set, is a double, a container or a struct")
STREAM_NOT_LAST: Final = _on(
    "stream-not-last", "the stream of a bidi caller is not the last parameter: in Python it cannot be left out"
)
UNUSED_INCLUDE: Final = _on("unused-include", "nothing of an included file is used")

REQUIRED_FIELD: Final = _off("required-field", "a field is required: it can never be removed")
OPTIONAL_DEFAULT: Final = _off(
    "optional-default", "an optional field has a default: languages disagree what that means"
)
REQUIRED_DEFAULT: Final = _off("required-default", "a required field has a default, which readers never use")
ENUM_ZERO: Final = _off("enum-zero", "an enum has no member of the number 0, such as UNKNOWN = 0")
ID_GAP: Final = _off("id-gap", "ids between those of the fields are neither used nor reserved")
SNAKE_CASE: Final = _off("snake-case", "a field, parameter or method is not in snake_case")
MISSING_DOC: Final = _off("missing-doc", "a service or a method has no doc comment")
UNUSED_TYPEDEF: Final = _off("unused-typedef", "a typedef is not used in its own file")

RULES: Final = tuple(_rules)
"""All of them."""
