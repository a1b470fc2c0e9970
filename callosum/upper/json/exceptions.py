"""How a declared exception travels: the fields of a dataclass, or the text of a plain one."""

from __future__ import annotations

import dataclasses
import inspect
import typing
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from callosum.errors import CallosumError, ConfigurationError
from callosum.upper.json.types import check_type

_TEXT: Final = "message"
"""The one field of an exception that is no dataclass."""


def has_fields(cls: type) -> bool:
    """Whether it is a dataclass. A function of its own, because mypy believes that no exception can be one."""
    return dataclasses.is_dataclass(cls)


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class ExceptionForm:
    """An exception, and the struct that travels for it."""

    cls: type[Exception]
    fields: type[msgspec.Struct]

    @property
    def name(self) -> str:
        """Its name on the wire."""
        return self.cls.__name__

    @property
    def names(self) -> tuple[str, ...]:
        """Those of its fields."""
        return self.fields.__struct_fields__

    def values(self, error: BaseException) -> Mapping[str, Any]:  # of any type that travels
        """What travels of an exception."""
        if has_fields(self.cls):
            return {name: getattr(error, name) for name in self.names}
        text = error.args[0] if len(error.args) == 1 else str(error)
        return {_TEXT: text if isinstance(text, str) else str(text)}

    def made(self, fields: msgspec.Struct) -> Exception:
        """The exception of what arrived."""
        values = msgspec.structs.asdict(fields)
        error: Exception
        if has_fields(self.cls):
            by_name = {one.name for one in dataclasses.fields(self.cls) if one.kw_only}  # type: ignore[arg-type]
            by_position = [value for name, value in values.items() if name not in by_name]  # they are its args, too
            error = self.cls(*by_position, **{name: values[name] for name in by_name & values.keys()})
        else:
            error = self.cls(values[_TEXT]) if values[_TEXT] else self.cls()
        return error


def exception_form(cls: type[Exception], namespace: Mapping[str, Any], place: str) -> ExceptionForm:
    """How an exception travels.

    Args:
        cls: The exception.
        namespace: Names that its annotations may use beside those of its module.
        place: For messages.

    Raises:
        ConfigurationError: It can not.
    """
    if issubclass(cls, CallosumError):
        raise ConfigurationError(f"{place}: {cls.__name__} is callosum's own and arrives as itself: leave it out")
    if not has_fields(cls):
        _check_plain(cls, place)
        return ExceptionForm(cls, msgspec.defstruct(cls.__name__, [(_TEXT, str, "")]))
    hints = typing.get_type_hints(cls, localns=dict(namespace), include_extras=True)
    fields: list[tuple[str, Any] | tuple[str, Any, Any]] = []
    for one in dataclasses.fields(cls):  # type: ignore[arg-type]
        if not one.init:
            continue
        check_type(hints[one.name], f"{place}: {cls.__name__}.{one.name}")
        fields.append((one.name, hints[one.name], *_default(one)))
    return ExceptionForm(cls, msgspec.defstruct(cls.__name__, fields, kw_only=True))


def _default(one: dataclasses.Field[Any]) -> tuple[Any, ...]:  # of any type
    if one.default_factory is not dataclasses.MISSING:
        return (msgspec.field(default_factory=one.default_factory),)
    return () if one.default is dataclasses.MISSING else (one.default,)


def _check_plain(cls: type[Exception], place: str) -> None:
    try:
        inspect.signature(cls).bind("text")
        inspect.signature(cls).bind()
    except TypeError as error:
        raise ConfigurationError(
            f"{place}: {cls.__name__} is made with more than a text ({error}): make it a dataclass, whose fields travel"
        ) from None
    except ValueError:  # a built-in one, which tells no signature
        return
