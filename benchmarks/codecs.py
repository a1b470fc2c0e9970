"""``python -m benchmarks.codecs``: our Thrift codec beside others, with the same values in one process.

The codecs take turns, many short ones, and the least time of each counts: what disturbs a turn is not the codec's. Each
turn begins with bytes, or ends with them: what a library needs around each message is part of it.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import importlib.util
import json
import platform
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, make_dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import thriftpy2
from thriftpy2.protocol import TCyBinaryProtocol, binary  # TBinaryProtocol is the other one where that is there
from thriftpy2.transport import TCyMemoryBuffer, memory

from callosum.upper import thrift
from callosum.upper.thrift.binary import BINARY
from callosum.upper.thrift.compact import COMPACT
from callosum.upper.thrift.encoding import Encoding

IDL: Final = Path(__file__).parent / "codecs.thrift"
OURS: Final = "callosum"
ACCELERATED: Final = "Apache thrift, accelerated"
WANTED: Final = ("small args", "20 fields, nested")
"""The cases in which our decoder must be as fast as Apache's accelerated one."""

Plain = dict[str, Any]
"""A struct by the names of its fields."""


def cases() -> dict[str, tuple[str, Plain]]:
    """Values as plain data, each with the struct that holds it, by what they are called."""
    inner: Plain = {"id": 7, "name": "inner name", "weight": 1.5, "active": True, "stamp": 2**41}
    record: Plain = {
        "id": 1,
        "stamp": 2**40,
        "score": 0.5,
        "active": True,
        "name": "a name",
        "token": b"16 bytes of token",
    }
    record |= {"colour": 2, "inner": inner, "numbers": list(range(10)), "tags": ["one", "two", "three"]}
    record |= {"counts": {"a": 1, "bb": 2, "ccc": 3}, "width": 640, "height": 480, "size": 2**33, "ratio": 1.25}
    record |= {"title": "a title of some length", "path": "/a/path/of/some/length"}
    record |= {"hidden": False, "border": 3, "version": 5}
    return {
        "small args": ("Args", {"message": "a message that has 32 characters", "number": 2**40}),
        "20 fields, nested": ("Record", record),
        "1,000 structs": ("Rows", {"rows": [{"id": 1000 + i, "name": f"name {i}"} for i in range(1000)]}),
        "1 MiB binary": ("Blob", {"data": bytes(1 << 20)}),
    }


@dataclass(frozen=True)
class Codec:
    """One library. Its objects are its own; `plain` reads their attributes."""

    title: str
    make: Callable[[str, Plain], Any]  # an object of the library's
    encode: Callable[[str], Callable[[Any], bytes]]
    """The encoder of a struct, by its name."""
    decode: Callable[[str], Callable[[bytes], Any]]
    """The decoder of a struct, by its name."""


def made(classes: Callable[[str], Any], name: str, value: Plain) -> Any:  # classes and objects of a library's
    """An object, with the structs in it, of classes that are called by the names of their fields."""

    def one(key: str, item: Any) -> Any:  # plain data, and objects of a library's
        if key == "rows":
            return [made(classes, "Row", element) for element in item]
        return made(classes, "Inner", item) if key == "inner" else item

    return classes(name)(**{key: one(key, item) for key, item in value.items()})


def plain(value: Any, like: Any) -> Any:  # an object of a library's, and plain data of the same shape
    """What a library decoded, as plain data."""
    if isinstance(like, dict):
        if isinstance(value, dict) or hasattr(value, "items"):
            return dict(value)
        return {key: plain(getattr(value, key), item) for key, item in like.items()}
    if isinstance(like, list):
        return [plain(element, item) for element, item in zip(value, like, strict=True)]
    return value


def kind_of(spec: Any) -> tuple[int, Any]:  # as thriftpy2 writes types: a number, or a pair
    """The number of a type, and what it needs besides."""
    return spec if isinstance(spec, tuple) else (spec, None)


def field_of(spec: tuple[Any, ...]) -> tuple[int, Any]:  # as thriftpy2 writes fields
    """The number of a field's type, and what it needs besides."""
    return spec[0], spec[2] if len(spec) == 4 else None


def ours(title: str = OURS, encoding: Encoding = BINARY) -> Codec:
    """This repository's, in one of its encodings."""
    module = thrift.load(IDL)

    def cls(name: str) -> Any:  # a class without static types
        return getattr(module, name)

    return Codec(
        title,
        lambda name, value: made(cls, name, value),
        lambda name: encoding.codec_of(cls(name)).encode,
        lambda name: encoding.codec_of(cls(name)).decode,
    )


def of_thriftpy2(title: str, protocol: Any, buffer: Any) -> Codec:  # classes of thriftpy2's
    """thriftpy2, with one of its protocols."""
    module = thriftpy2.load(str(IDL), module_name="codecs_of_thriftpy2_thrift")

    def encode(_name: str) -> Callable[[Any], bytes]:
        def run(value: Any) -> bytes:  # an object of thriftpy2's
            out = buffer()
            protocol(out).write_struct(value)
            return bytes(out.getvalue())

        return run

    def decode(name: str) -> Callable[[bytes], Any]:
        cls = getattr(module, name)

        def run(body: bytes) -> Any:  # an object of thriftpy2's
            value = cls()
            protocol(buffer(body)).read_struct(value)
            return value

        return run

    return Codec(title, lambda name, value: made(lambda one: getattr(module, one), name, value), encode, decode)


def cython() -> Codec:
    """thriftpy2's extension module."""
    return of_thriftpy2("thriftpy2, Cython", TCyBinaryProtocol, TCyMemoryBuffer)


def pure() -> Codec:
    """thriftpy2's pure Python."""
    return of_thriftpy2("thriftpy2, pure Python", binary.TBinaryProtocol, memory.TMemoryBuffer)


def apache() -> Codec:
    """Apache's library with its extension module, used as the code does that its compiler generates."""
    from thrift.protocol.TBinaryProtocol import TBinaryProtocolAccelerated  # noqa: PLC0415 - may not be there
    from thrift.transport.TTransport import TMemoryBuffer as Buffer  # noqa: PLC0415 - may not be there

    module = thrift.load(IDL)
    classes: dict[type, Any] = {}  # classes like Apache's

    def cls(name: str) -> Any:  # a class like Apache's
        return apache_class(getattr(module, name), classes)

    def encode(_name: str) -> Callable[[Any], bytes]:
        def run(value: Any) -> bytes:  # an object of Apache's
            buffer = Buffer()
            value.write(TBinaryProtocolAccelerated(buffer, fallback=False))
            return bytes(buffer.getvalue())

        return run

    def decode(name: str) -> Callable[[bytes], Any]:
        made_class = cls(name)

        def run(body: bytes) -> Any:  # an object of Apache's
            value = made_class()
            value.read(TBinaryProtocolAccelerated(Buffer(body), fallback=False))
            return value

        return run

    return Codec(ACCELERATED, lambda name, value: made(cls, name, value), encode, decode)


def apache_class(source: Any, known: dict[type, Any]) -> Any:  # a class of ours, and one like Apache's
    """A class with Apache's ``thrift_spec``, ``read`` and ``write``, of a class of ours."""
    if source in known:
        return known[source]
    specs = source.thrift_spec
    names = [spec[1] for spec in specs.values()]
    fields: list[Any] = [None] * (max(specs) + 1)  # tuples as Apache's compiler writes them
    for ident, spec in specs.items():
        wire, detail = _apache_type(*field_of(spec), known)
        fields[ident] = (ident, wire, spec[1], detail, None)

    def read(self: object, protocol: Any) -> None:  # a protocol of Apache's
        protocol._fast_decode(self, protocol, [cls, cls.thrift_spec])  # noqa: SLF001 - generated code does so

    def write(self: object, protocol: Any) -> None:  # a protocol of Apache's
        protocol.trans.write(protocol._fast_encode(self, [cls, cls.thrift_spec]))  # noqa: SLF001 - and so

    body = {"read": read, "write": write, "thrift_spec": tuple(fields)}
    unset: list[tuple[str, Any, Any]] = [(name, Any, None) for name in names]
    cls: Any = make_dataclass(source.__name__, unset, namespace=body)  # its __init__ is as the one that is generated
    known[source] = cls
    return cls


def _apache_type(wire: int, detail: Any, known: dict[type, Any]) -> tuple[int, Any]:  # as the two write types
    string, struct, mapping, collections, binary = 11, 12, 13, (14, 15), 18
    if wire in {string, binary}:
        return string, "UTF8" if wire == string else "BINARY"
    if wire == struct:
        cls = apache_class(detail, known)
        return wire, [cls, cls.thrift_spec]
    parts = detail if wire == mapping else (detail,)
    if wire == mapping or wire in collections:
        inner = [_apache_type(*kind_of(part), known) for part in parts]
        return wire, (*(item for pair in inner for item in pair), False)
    return wire, None


def protobuf() -> Codec:
    """Google's library, on upb where that is what it was built with."""
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory  # noqa: PLC0415 - may not be there

    module = thrift.load(IDL)
    file = descriptor_pb2.FileDescriptorProto(name="codecs.proto", package="codecs", syntax="proto3")
    for name in ("Args", "Inner", "Record", "Row", "Rows", "Blob"):
        _describe(file.message_type.add(), name, getattr(module, name).thrift_spec)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)

    def cls(name: str) -> Any:  # a class of protobuf's
        return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"codecs.{name}"))

    return Codec(
        "protobuf",
        lambda name, value: made(cls, name, value),
        lambda name: cls(name).SerializeToString,
        lambda name: cls(name).FromString,
    )


def _describe(message: Any, name: str, specs: dict[int, tuple[Any, ...]]) -> None:  # a descriptor of protobuf's
    numbers = {2: 8, 8: 5, 10: 3, 4: 1, 11: 9, 18: 12}  # Thrift's types, and the descriptor's
    message.name = name
    for ident, spec in specs.items():
        wire, detail = field_of(spec)
        one = message.field.add(name=spec[1], number=ident, label=1)
        if wire == 15:
            one.label = 3
            wire, detail = kind_of(detail)
        if wire == 12:
            one.type, one.type_name = 11, f".codecs.{detail.__name__}"
        elif wire == 13:
            one.label, one.type, one.type_name = 3, 11, f".codecs.{name}.CountsEntry"
            entry = message.nested_type.add(name="CountsEntry")
            entry.options.map_entry = True
            for number, (key, kind) in enumerate(zip(("key", "value"), detail, strict=True), 1):
                entry.field.add(name=key, number=number, label=1, type=numbers[kind])
        else:
            one.type = numbers[wire]


def msgspec() -> Codec:
    """msgspec's structs as MessagePack."""
    import msgspec as library  # noqa: PLC0415 - may not be there

    simple: dict[int, Any] = {2: bool, 8: int, 10: int, 4: float, 11: str, 18: bytes}
    module = thrift.load(IDL)
    known: dict[str, Any] = {}  # classes of msgspec's

    def cls(name: str) -> Any:  # a class of msgspec's
        if name not in known:
            specs = getattr(module, name).thrift_spec.values()
            known[name] = library.defstruct(name, [(spec[1], of(*field_of(spec))) for spec in specs])
        return known[name]

    def of(wire: int, detail: Any) -> Any:  # as thriftpy2 writes types, and as Python does
        if wire == 12:
            return cls(detail.__name__)
        if wire == 15:
            return list[of(*kind_of(detail))]  # type: ignore[misc] # made here
        return dict[str, int] if wire == 13 else simple[wire]

    return Codec(
        "msgspec, MessagePack",
        lambda name, value: made(cls, name, value),
        lambda _name: library.msgpack.Encoder().encode,
        lambda name: library.msgpack.Decoder(cls(name)).decode,
    )


CODECS: Final[dict[str, Callable[[], Codec]]] = {
    "callosum": ours,
    "callosum-compact": partial(ours, "callosum, compact", COMPACT),
    "thriftpy2": cython,
    "thriftpy2-pure": pure,
    "thrift": apache,
    "protobuf": protobuf,
    "msgspec": msgspec,
}
_NEEDS: Final = {"callosum-compact": "callosum", "thriftpy2-pure": "thriftpy2", "protobuf": "google.protobuf"}
"""What is imported, where it is called something else."""


def is_installed(name: str) -> bool:
    """Whether the library of a codec is there."""
    try:
        return importlib.util.find_spec(_NEEDS.get(name, name)) is not None
    except ModuleNotFoundError:  # not even the package that it would be in
        return False


@dataclass
class Race:
    """What is measured against each other: each takes its turn, for about as long."""

    seconds: float
    best: dict[str, float] = field(default_factory=dict)

    def run(self, runners: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
        """Microseconds of one run, by name: the least of all rounds."""
        counts = {name: max(1, int(self.seconds / self._time(run, 2))) for name, run in runners.items()}
        for _ in range(rounds):
            for name, run in runners.items():
                taken = self._time(run, counts[name]) * 1e6
                self.best[name] = min(taken, self.best.get(name, taken))
        return self.best

    def _time(self, run: Callable[[], object], count: int) -> float:
        turns = range(count)
        start = time.perf_counter()
        for _ in turns:
            run()
        return (time.perf_counter() - start) / count


def measure(codecs: Sequence[Codec], rounds: int, seconds: float) -> dict[str, dict[str, dict[str, float]]]:
    """Microseconds, by case, by ``encode`` and ``decode``, and by codec."""
    results: dict[str, dict[str, dict[str, float]]] = {}
    for case, (name, value) in cases().items():
        encoders: dict[str, Callable[[], object]] = {}
        decoders: dict[str, Callable[[], object]] = {}
        for codec in codecs:
            made_object, encode, decode = codec.make(name, value), codec.encode(name), codec.decode(name)
            body = encode(made_object)
            encoders[codec.title] = partial(encode, made_object)
            decoders[codec.title] = partial(decode, body)
        results[case] = {
            "encode": Race(seconds).run(encoders, rounds),
            "decode": Race(seconds).run(decoders, rounds),
        }
    return results


def table(results: dict[str, dict[str, dict[str, float]]]) -> Iterator[str]:
    """A line for each codec and case, with the times, and with the ratios to ours."""
    for case, ways in results.items():
        yield f"\n{case:28}{'encode µs':>12}{'ratio':>8}{'decode µs':>12}{'ratio':>8}"
        for codec in ways["encode"]:
            line = f"  {codec:26}"
            for way in ("encode", "decode"):
                line += f"{ways[way][codec]:12,.2f}{ways[way][codec] / ways[way][OURS]:8.2f}"
            yield line


def verdict(results: dict[str, dict[str, dict[str, float]]]) -> Iterator[str]:
    """Whether our decoder is as fast as it has to be."""
    for case in WANTED:
        times = results[case]["decode"]
        if ACCELERATED in times:
            ratio = times[OURS] / times[ACCELERATED]
            yield f"decode, {case}: callosum / {ACCELERATED}: {ratio:.2f} (<= 1)  {'pass' if ratio <= 1 else 'SHORT'}"


def versions() -> dict[str, str]:
    """What was measured."""
    names = [name for name in CODECS if name not in {"callosum-compact", "thriftpy2-pure"} and is_installed(name)]
    return {"python": platform.python_version(), **{name: importlib.metadata.version(name) for name in names}}


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and report. A ratio that is short is said, and is no failure: machines differ."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.codecs", description=__doc__)
    parser.add_argument("--rounds", type=int, default=100, help="turns of each codec (default: 100)")
    parser.add_argument("--seconds", type=float, default=0.003, help="length of each turn (default: 0.003)")
    parser.add_argument("--json", type=Path, help="where the figures go")
    options = parser.parse_args(arguments)
    for name in CODECS:
        if not is_installed(name):
            print(f"skipped: {name} is not installed", file=sys.stderr)
    results = measure([make() for name, make in CODECS.items() if is_installed(name)], options.rounds, options.seconds)
    print("\n".join([*table(results), "", *verdict(results)]))
    if options.json:
        document = {"versions": versions(), "rounds": options.rounds, "us": results}
        options.json.write_text(json.dumps(document, indent=2) + "\n")


if __name__ == "__main__":
    main()
