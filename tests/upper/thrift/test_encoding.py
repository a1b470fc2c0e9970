from __future__ import annotations

from typing import Any

import pytest

from callosum.upper.thrift.encoding import NO_DEFAULT, source_for, write_function


def joined(*parameters: str, defaults: Any = None) -> Any:
    source = source_for(parameters)

    def body(names: Any) -> None:
        source(f"return ','.join(map(str, ({''.join(f'{name}, ' for name in names)}))).encode()")

    return write_function(source, "say", parameters, defaults or [NO_DEFAULT] * len(parameters), body)


def test_a_function_has_the_parameters_of_the_method() -> None:
    say = joined("first", "second", defaults=[NO_DEFAULT, 5])
    assert say.__name__ == say.__qualname__ == "say"
    assert say(1) == b"1,5"
    assert say(second=2, first=1) == b"1,2"
    with pytest.raises(TypeError, match="first"):
        say()


def test_what_has_no_default_is_given_though_it_stands_behind_one_that_has() -> None:
    say = joined("first", "second", defaults=[5, NO_DEFAULT])
    assert say(second=2) == b"5,2"
    with pytest.raises(TypeError, match=r"say\(\) missing 1 required positional argument: 'second'"):
        say(1)


def test_parameters_may_have_any_name() -> None:
    assert joined("map", "str")(1, 2) == b"1,2"
    assert joined("_function", "__x", "_")(1, 2, 3) == b"1,2,3"
    assert joined("_function", "len")(1, 2) == b"1,2"
