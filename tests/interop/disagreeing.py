"""Where the reader and Apache's compiler are not of one mind, on purpose; docs/idl-files.md tells it to users."""

from __future__ import annotations

import re
from typing import Final

from callosum.upper.thrift.idl.lexer import PART_NAMES

REFUSED_HERE: Final = {
    r"does not fit into i\d+, which": "numbers that are not in the range of their type",
    r"the id -?\d+ is out of range": "ids that are not in 16 bits",
    r"the id 0 is that of the result": "an exception with the id of the result",
    r"\d+ is not a bool": "numbers other than 0 and 1 as a bool",
    r"is too large for a double": "infinity",
    r"needs a digit behind it": "a sign alone, which is 0 for Apache's compiler",
    r"\) contains itself through required fields": "structs in one another that never end",
    r"contains itself through required fields": "structs in themselves that never end",
    r"is a field of a union, which has": "required, and defaults, in a union",
    r"is not a list|is not a set|is not a map": "other values for containers",
    r"has the key .* twice|the set has .* twice": "what is in a set or map twice",
    r"is a member of \w+, not of": "a member of another enum of the same name",
    r"is not a member of the enum": "text for a member",
    r"is required: give it a value": "structs without what is required",
    r"is a union: give exactly one": "unions with more or less than one field",
    r"is oneway, so nothing can come back": "oneway functions that return something",
    r"the included file .* is not there": "includes that are not there",
    r"uuid is a type of the IDL": "uuid as the name of a type",
    r"has a dot, and the name of": "dots in the names of members with a value",
    r"true' |true is a word|'false' |false is a word": "true and false where a number is no value",
    r"is defined in line \d+ already": "a constant with the name of a type",
    r"is a constant, where a type": "a constant with the name of a type",
    r"is not an? \w+": "values of a typedef's type that are not of it, which Apache's compiler does not look at",
    r"is not a \w+, whose fields": "the same for structs",
}
"""What is refused here alone, by what it says."""

_WORDS: Final = "|".join(sorted(PART_NAMES | {"cpp_type"}))
TAKEN_HERE: Final = {
    rf"last token was '({_WORDS})'\)": "words of the IDL as names",
    r"Cannot use reserved language keyword": "words of languages as names",
    r"No enum value or constant found": "constants before their definition",
    r"Type \"[\w.]+\" not defined": "types before their definition, and uuid",
    r"Service \"[\w.]+\" has not been defined": "services before their definition",
    r"Type \"[\w.]+\" is already defined": "the same name in two files",
    r"unset enum on line|was declared as struct/xception": "constants that stand for other containers and structs",
    r"is unqualified": "constants that stand for other constants of an enum",
    r"it does not end|^$": "includes in a circle",
}
"""What is taken here alone, by what Apache's compiler says."""


def is_wanted(ours: str | None, theirs: str | None) -> bool:
    """Whether a difference is one of these; None is for the one that takes the file."""
    if ours is not None:
        return any(re.search(one, ours) for one in REFUSED_HERE)
    assert theirs is not None
    return any(re.search(one, theirs) for one in TAKEN_HERE)
