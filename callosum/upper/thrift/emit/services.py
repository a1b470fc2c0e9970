"""Writes a service as five classes.

What stub and handler both have, the stub, the stub that blocks, the handler, and the service itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from callosum.upper.thrift.annotations import is_ours
from callosum.upper.thrift.emit.layout import call, docstring, indented
from callosum.upper.thrift.emit.scope import Scope, ServiceNames, function_name, parameter_names
from callosum.upper.thrift.emit.streams import Side, StreamTypes, stream_types
from callosum.upper.thrift.emit.writer import Writer
from callosum.upper.thrift.idl.model import (
    Annotations,
    Field,
    Function,
    ListValue,
    MapValue,
    Requiredness,
    Service,
    SetValue,
    StructValue,
)
from callosum.upper.thrift.streaming import streamed

_KEY: Final = "callosum.key"
_CHANGEABLE: Final = ListValue | SetValue | MapValue | StructValue


def service_lines(writer: Writer, one: Service) -> list[str]:
    """A service."""
    parts = [part(writer, one) for part in (_like, _stub, _blocking_stub, _handler, _service)]
    lines: list[str] = []
    for part in parts:
        lines += ["", "", *part] if lines else part
    return lines


def _names(writer: Writer, one: Service) -> ServiceNames:
    return writer.scope.services[one.name]


def _extended(writer: Writer, one: Service) -> tuple[str, ServiceNames] | None:
    """How the module of the service that is extended is reached, with the dot, and the names there."""
    if one.extends is None:
        return None
    found = writer.program.find(writer.document, one.extends.name)
    assert found is not None, "a program is checked"
    theirs: Scope = writer.scopes.of(found.document)
    path = writer.scopes.path(writer.document, found.document)
    prefix = "" if found.document is writer.document else f"{path}."
    return prefix, theirs.services[found.definition.name]


def _like(writer: Writer, one: Service) -> list[str]:
    names, extended = _names(writer, one), _extended(writer, one)
    bases = [writer.scope.typing("Protocol")]
    if extended is not None:
        bases.insert(0, f"{extended[0]}{extended[1].like}")
    lines = [f'"""The methods of {names.service}, as its stub and its handler have them."""']
    for function in one.functions:
        lines += ["", *_method(writer, function)]
    return [f"class {names.like}({', '.join(bases)}):", *indented(lines)]


def _stub(writer: Writer, one: Service) -> list[str]:
    names, extended = _names(writer, one), _extended(writer, one)
    stub = writer.scope.runtime("Stub") if extended is None else f"{extended[0]}{extended[1].stub}"
    bases = [names.like, stub, writer.scope.typing("Protocol")]
    lines = [f'"""Calls {names.service} on a peer: what ``peer.stub({names.service})`` returns."""']
    for function in one.functions:
        if streams := stream_types(writer, function, Side.STUB):
            lines += ["", *_typed(writer, function, streams, [])]
    return [f"class {names.stub}({', '.join(bases)}):", *indented(lines)]


def _blocking_stub(writer: Writer, one: Service) -> list[str]:
    """The stub of `callosum.blocking`: the same methods, which return what those of the other give once awaited."""
    names, extended = _names(writer, one), _extended(writer, one)
    stub = writer.scope.runtime("Stub") if extended is None else f"{extended[0]}{extended[1].blocking}"
    lines = [
        f'"""Calls {names.service}, and waits: what ``stub({names.service})`` of a `callosum.blocking` peer returns."""'
    ]
    for function in one.functions:
        streams = stream_types(writer, function, Side.BLOCKING)
        parameters, returns = _parameters(writer, function, streams), _returns(writer, function, streams)
        lines += ["", *call(f"def {function_name(function.name)}(", parameters, f") -> {returns}: ...", depth=1)]
    return [f"class {names.blocking}({stub}, {writer.scope.typing('Protocol')}):", *indented(lines)]


def _handler(writer: Writer, one: Service) -> list[str]:
    names, extended = _names(writer, one), _extended(writer, one)
    base = writer.scope.use("abc", "ABC") if extended is None else f"{extended[0]}{extended[1].handler}"
    head = f"class {names.handler}({names.like}, {base}):"
    return [head, *indented([f'"""Serves {names.service}: derive from it, and give an instance to ``listen()``."""'])]


def _service(writer: Writer, one: Service) -> list[str]:
    names, extended = _names(writer, one), _extended(writer, one)
    bases = f"{writer.scope.runtime('Service')}[{names.stub}, {names.blocking}]"
    arguments = [bases, f"handler={names.handler}"]
    if extended is not None:
        arguments.append(f"extends={extended[0]}{extended[1].service}")
    if ours := _annotations(one.annotations):
        arguments.append(f"annotations={ours}")
    if names.service != one.name:
        arguments.append(f'name="{one.name}"')
    table = [line for function in one.functions for line in _row(writer, function)]
    lines = docstring(one.doc)
    lines += [""] if lines else []
    lines += ["thrift_functions = (", *indented(table), ")"] if table else ["thrift_functions = ()"]
    head = call(f"class {names.service}(", arguments, "):")
    aliased = writer.scope.aliased(names.service)
    return [*head, *indented(lines), *(["", "", *aliased] if aliased else [])]


def _annotations(annotations: Annotations, parameters: Mapping[str, str] = MappingProxyType({})) -> str:
    """Those of callosum's; the parameter that is the key by its name in Python."""
    ours = {one.name: one.value for one in annotations if is_ours(one.name)}
    key = ours.get(_KEY)
    if key is not None:
        ours[_KEY] = parameters.get(key, key)
    text = repr(ours) if ours else ""
    return text if '"' in text else text.replace("'", '"')


def _row(writer: Writer, function: Function) -> list[str]:
    """A function in the table."""
    arguments = [f'"{function.name}"']
    if not function.is_oneway:
        returns = "void" if function.returns is None else writer.spelled(function.returns)
        arguments.append(f'"{returns}"')
    names = parameter_names(function.parameters)
    stream = streamed(function, function.name).stream
    for index, one in enumerate(function.parameters):
        row = _parameter(writer, one, names[one.name])
        arguments.append(f"{writer.scope.runtime('stream')}({row})" if index == stream else row)
    if function.throws:
        thrown_names = parameter_names(function.throws)
        rows = [_declared(writer, "thrown", one, thrown_names[one.name]) for one in function.throws]
        arguments.append(f"throws=({', '.join(rows)}{',' * (len(rows) == 1)})")
    if ours := _annotations(function.annotations, names):
        arguments.append(f"annotations={ours}")
    head = writer.scope.runtime("oneway" if function.is_oneway else "function")
    return call(f"{head}(", arguments, "),", depth=2)


def _parameter(writer: Writer, one: Field, name: str) -> str:
    if one.default is not None:
        value = writer.value(one.type, one.default)
        return _declared(writer, "parameter", one, name, f"default={writer.expression(value)}")
    is_required = one.requiredness is Requiredness.REQUIRED  # the reader takes optional for nothing, as Apache's does
    return _declared(writer, "required_parameter" if is_required else "parameter", one, name)


def _declared(writer: Writer, how: str, one: Field, name: str, *more: str) -> str:
    arguments = [str(one.id), f'"{name}"', f'"{writer.spelled(one.type)}"', *more]
    return f"{writer.scope.runtime(how)}({', '.join(arguments)})"


def _method(writer: Writer, function: Function) -> list[str]:
    """A function as a method that does nothing, typed as stub and handler both have it."""
    names = parameter_names(function.parameters)
    doc = docstring(function.doc, _arguments(function, names), _raised(writer, function))
    return _typed(writer, function, stream_types(writer, function, Side.BOTH), doc)


def _typed(writer: Writer, function: Function, streams: StreamTypes | None, doc: list[str]) -> list[str]:
    parameters, returns = _parameters(writer, function, streams), _returns(writer, function, streams)
    end = f") -> {returns}:" if doc else f") -> {returns}: ..."
    word = "def" if streams and streams.given else "async def"
    head = call(f"{word} {function_name(function.name)}(", parameters, end, depth=1)
    return [f"@{writer.scope.use('abc', 'abstractmethod')}", *head, *indented(doc)]


def _parameters(writer: Writer, function: Function, streams: StreamTypes | None) -> list[str]:
    names = parameter_names(function.parameters)
    parameters = ["self"]
    defaults = _defaults(writer, function.parameters, streams)
    for index, (one, default) in enumerate(zip(function.parameters, defaults, strict=True)):
        annotation = streams.taken if streams and index == streams.index else writer.annotation(one.type)
        parameters.append(f"{names[one.name]}: {annotation}" + (f" = {default}" if default else ""))
    return parameters


def _returns(writer: Writer, function: Function, streams: StreamTypes | None) -> str:
    if streams and streams.given:
        return streams.given
    return "None" if function.returns is None else writer.annotation(function.returns)


def _defaults(writer: Writer, parameters: tuple[Field, ...], streams: StreamTypes | None) -> list[str]:
    """What each parameter has where a caller leaves it out; nothing where one behind it has nothing."""
    texts: list[str] = []
    can_have = True
    for index, one in reversed([*enumerate(parameters)]):
        text = _default(writer, one) if can_have else ""
        if streams and index == streams.index:
            text = streams.default if can_have else ""
        can_have = can_have and bool(text)
        texts.append(text)
    return texts[::-1]


def _default(writer: Writer, one: Field) -> str:
    if one.default is None:
        return ""
    value = writer.value(one.type, one.default)
    return "..." if isinstance(value, _CHANGEABLE) else writer.expression(value)


def _arguments(function: Function, names: dict[str, str]) -> list[str]:
    documented = [one for one in function.parameters if one.doc]
    lines = [line for one in documented for line in indented(_entry(names[one.name], one.doc))]
    return ["Args:", *lines] if lines else []


def _raised(writer: Writer, function: Function) -> list[str]:
    lines: list[str] = []
    for one in function.throws:
        found = writer.program.true_type(writer.document, one.type)[1]
        doc = one.doc or getattr(found, "doc", "")
        lines += indented(_entry(writer.annotation(one.type), doc))
    return ["Raises:", *lines] if lines else []


def _entry(name: str, doc: str) -> list[str]:
    """``name: doc``, the further lines of it deeper."""
    first, *rest = [line.strip() for line in doc.strip().split("\n")]
    return [f"{name}: {first}" if first else f"{name}: The interface declares it.", *indented(rest)]
