"""What a method of a service says besides its signature: decorators, which note it and change nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final, TypeVar

from callosum.errors import ConfigurationError
from callosum.service import Cardinality

F = TypeVar("F", bound=Callable[..., Any])  # a method of any signature
_ATTRIBUTE: Final = "__callosum_marks__"


@dataclass(frozen=True, slots=True)
class Marks:
    """All that was said of one method."""

    cardinality: Cardinality = Cardinality.UNARY
    raises: tuple[type[Exception], ...] = ()
    idempotent: bool = False
    timeout: float | None = None
    """Seconds."""
    key: str | None = None


def marks_of(function: object) -> Marks:
    """What was said of a function."""
    found: object = getattr(function, _ATTRIBUTE, None)
    return found if isinstance(found, Marks) else Marks()


def oneway(function: F) -> F:
    """Mark a method that has no answer: its caller goes on once the call was handed over."""
    return _mark(function, cardinality=Cardinality.ONEWAY)


def idempotent(function: F) -> F:
    """Mark a method that may run twice without harm: `callosum.Retry` may call it again."""
    return _mark(function, idempotent=True)


def raises(*exceptions: type[Exception]) -> Callable[[F], F]:
    """Declare exceptions, which arrive at the caller as themselves.

    Each is a dataclass, whose fields travel, or a plain subclass that is made with at most one argument, which travels
    as text.

    Raises:
        ConfigurationError: Something else than classes of exceptions was given.
    """
    for one in exceptions:
        given: object = one  # it is what users wrote
        if not (isinstance(given, type) and issubclass(given, Exception)):
            raise ConfigurationError(f"json.raises({one!r}): give the classes of exceptions")
    return lambda function: _mark(function, raises=exceptions)


def timeout(seconds: float) -> Callable[[F], F]:
    """Give a method a timeout in seconds, for calls whose stub has none.

    Raises:
        ConfigurationError: It is no number above 0.
    """
    given: object = seconds  # it is what users wrote
    if not isinstance(given, int | float) or not given > 0:
        raise ConfigurationError(f"json.timeout({seconds!r}): give a number of seconds above 0")
    return lambda function: _mark(function, timeout=float(seconds))


def key(parameter: str) -> Callable[[F], F]:
    """Name the parameter that is the request key."""
    return lambda function: _mark(function, key=parameter)


def _mark(function: F, **said: Any) -> F:  # fields of Marks
    setattr(function, _ATTRIBUTE, replace(marks_of(function), **said))
    return function
