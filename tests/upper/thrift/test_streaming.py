"""Methods that stream: what their annotations ask for, and the bodies of their parts, at the seam to the engine."""

from __future__ import annotations

import inspect
import shutil
import subprocess
import types
from collections.abc import AsyncIterable
from pathlib import Path
from typing import Any

import pytest
import thriftpy2

from callosum import BidiStream, ReceiveStream
from callosum.errors import ConfigurationError, DecodeError, EncodeError
from callosum.service import Cardinality, Method, MethodCodec, Parameter
from callosum.stub import stub_class
from callosum.upper.thrift import load
from callosum.upper.thrift.codec import ENCODINGS
from callosum.upper.thrift.idl.model import Service
from callosum.upper.thrift.idl.reading import read_text
from callosum.upper.thrift.service import thrift_service
from callosum.upper.thrift.streaming import StreamedFunction, streamed
from tests.upper.thrift.oracles import IDL

FILE = IDL / "streams.thrift"
loaded: Any = load(FILE)
raw: Any = thriftpy2.load(str(FILE), module_name="callosum_test_streams_thrift")
MODULES = pytest.mark.parametrize("module", [loaded, raw], ids=["loaded", "thriftpy2"])
ENCODED = pytest.mark.parametrize("encoding", [one.name for one in ENCODINGS])


def method(module: Any, name: str, service: str = "Logs") -> Method:
    return thrift_service(getattr(module, service)).methods[name]


def codec(module: Any, name: str, encoding: str) -> MethodCodec:
    return method(module, name).codecs[encoding]


def encode_item(of: MethodCodec, value: object) -> bytes:
    assert of.encode_item is not None
    return of.encode_item(value)


def decode_item(of: MethodCodec, body: bytes | memoryview) -> Any:
    assert of.decode_item is not None
    return of.decode_item(body)


# --- what a method says of itself ------------------------------------------------------------------------------------


@MODULES
def test_each_mode_is_a_cardinality(module: Any) -> None:
    found = {name: (one.cardinality, one.stream) for name, one in thrift_service(module.Logs).methods.items()}
    assert found == {
        "upload": (Cardinality.CLIENT_STREAM, 1),
        "talk": (Cardinality.BIDI_STREAM, 0),
        "sums": (Cardinality.BIDI_STREAM, 0),
        "note": (Cardinality.CLIENT_STREAM, 0),
        "given": (Cardinality.SERVER_STREAM, None),
        "tail": (Cardinality.SERVER_STREAM, None),
        "ping": (Cardinality.UNARY, None),
    }


@MODULES
def test_the_modes_of_another_family_have_one_parameter_which_is_the_stream(module: Any) -> None:
    found = {name: (one.cardinality, one.stream) for name, one in thrift_service(module.Theirs).methods.items()}
    assert found == {
        "one": (Cardinality.UNARY, None),
        "tail": (Cardinality.SERVER_STREAM, None),
        "upload": (Cardinality.CLIENT_STREAM, 0),
        "talk": (Cardinality.BIDI_STREAM, 0),
    }


@MODULES
def test_signatures_for_people_say_what_is_streamed(module: Any) -> None:
    assert thrift_service(module.Base).describe().splitlines()[1].partition("  #")[0].strip() == (
        "tail(job: string, count: i32) -> stream Line throws NoSuchJob"
    )
    assert method(module, "upload").signature() == (
        "upload(name: string, chunk: stream binary) -> Summary throws NoSuchJob"
    )
    assert method(module, "talk").signature() == "talk(said: stream Message) -> stream Message"
    assert method(module, "note").signature() in {
        "note(level: stream Level) -> void",
        "note(level: stream i32) -> void",
    }


def test_other_annotations_stand_beside_it() -> None:
    assert (method(loaded, "upload").key, method(loaded, "sums").timeout) == ("name", 2.0)
    assert method(loaded, "tail").doc == "The lines of a job."


def test_a_bidi_caller_may_leave_his_stream_out() -> None:
    assert method(loaded, "talk").parameters == (Parameter("said", True, "Message"),)
    assert method(loaded, "upload").parameters[1] == Parameter("chunk", False, "binary")


def stubs_signature(name: str, service: str = "Logs") -> inspect.Signature:
    stub = stub_class(thrift_service(getattr(loaded, service)))
    return inspect.signature(getattr(stub, name))


def test_stubs_have_their_own_signatures() -> None:
    tail, upload, talk = stubs_signature("tail"), stubs_signature("upload"), stubs_signature("talk")
    assert tail.return_annotation == types.GenericAlias(ReceiveStream, (loaded.Line,)) == ReceiveStream[loaded.Line]
    assert list(tail.parameters) == ["self", "job", "count"]
    assert upload.parameters["chunk"].annotation == AsyncIterable[bytes]
    assert upload.return_annotation is loaded.Summary
    assert talk.return_annotation == BidiStream[loaded.Message, loaded.Message]
    said = talk.parameters["said"]
    assert (said.annotation, said.default) == (AsyncIterable[loaded.Message] | None, None)
    first, room, _ = [*stubs_signature("sums").parameters.values()][1:]
    assert (first.name, room.name, room.annotation) == ("values", "room", str)
    assert stubs_signature("tail", "Theirs").return_annotation == ReceiveStream[loaded.Line]


@MODULES
def test_stubs_of_both_kinds_of_modules_have_the_parameters(module: Any) -> None:
    stub = stub_class(thrift_service(module.Theirs))
    assert [*inspect.signature(stub.talk).parameters] == ["self", "said"]  # type: ignore[attr-defined]


# --- the parts of a call ---------------------------------------------------------------------------------------------


@ENCODED
@MODULES
def test_the_request_is_without_the_stream(module: Any, encoding: str) -> None:
    upload, sums, talk = (codec(module, name, encoding) for name in ("upload", "sums", "talk"))
    assert upload.encode_args("a") == upload.encode_args(name="a")
    assert upload.decode_args(upload.encode_args("a")) == ("a",)
    assert sums.decode_args(sums.encode_args("hall", start=5)) == ("hall", 5)
    assert sums.decode_args(memoryview(sums.encode_args("hall"))) == ("hall", 1)
    assert talk.decode_args(talk.encode_args()) == ()
    for arguments in (("a", b"chunk"), ()):
        with pytest.raises(TypeError, match=r"upload\(\)"):
            upload.encode_args(*arguments)


@ENCODED
@MODULES
def test_items_are_arguments_with_the_stream_alone(module: Any, encoding: str) -> None:
    (of,) = [one for one in ENCODINGS if one.name == encoding]
    upload = codec(module, "upload", encoding)
    for chunk in (b"", b"abc", bytes(range(256)) * 1000):
        body = encode_item(upload, chunk)
        assert decode_item(upload, body) == decode_item(upload, memoryview(body)) == chunk
        alone = of.codec_of(module.Logs.upload_args).decode(body)
        assert (alone.chunk, alone.name or None) == (chunk, None)
    note, sums = codec(module, "note", encoding), codec(module, "sums", encoding)
    assert decode_item(note, encode_item(note, 2)) == module.Level.HIGH
    assert decode_item(sums, encode_item(sums, [1, 2])) == [1, 2]


@ENCODED
@MODULES
def test_items_of_the_handler_are_results(module: Any, encoding: str) -> None:
    tail = codec(module, "tail", encoding)
    assert (tail.encode_item, tail.decode_item) == (None, None)
    line = module.Line(text="x", level=module.Level.LOW)
    assert tail.decode_result(tail.encode_result(line)) == line
    end = tail.encode_exception(module.NoSuchJob(job="j"))
    assert end is not None
    with pytest.raises(module.NoSuchJob) as caught:
        tail.decode_result(end)
    assert caught.value.job == "j"
    with pytest.raises(EncodeError, match=r"Logs\.tail\.result.*returned None"):
        tail.encode_result(None)
    with pytest.raises(DecodeError):
        tail.decode_result(b"")  # the end of a stream is no value


@ENCODED
@MODULES
def test_what_is_required_is_asked_of_the_part_that_is_there(module: Any, encoding: str) -> None:
    upload = codec(module, "upload", encoding)
    request = upload.encode_args("a")
    assert upload.decode_args(request) == ("a",)
    with pytest.raises(DecodeError, match=r"Logs\.upload\.item\.chunk: .*required"):
        decode_item(upload, request)
    item = encode_item(upload, b"abc")
    assert upload.decode_args(item)[0] in {"", None}  # as where a caller left it out
    talk = codec(module, "talk", encoding)
    with pytest.raises(DecodeError, match=r"Logs\.talk\.item\.said"):
        decode_item(talk, talk.encode_args())  # a stream has no values that are not there


@ENCODED
@pytest.mark.parametrize("wrong", [None, "text", 5, [b"x"]])
def test_wrong_items_are_encode_errors(encoding: str, wrong: object) -> None:
    upload = codec(loaded, "upload", encoding)
    with pytest.raises(EncodeError, match=r"^Logs\.upload\.item\.chunk: the IDL says binary"):
        encode_item(upload, wrong)


@ENCODED
def test_the_place_within_an_item_is_named(encoding: str) -> None:
    talk, sums = codec(loaded, "talk", encoding), codec(loaded, "sums", encoding)
    with pytest.raises(EncodeError, match=r"^Logs\.talk\.item\.said\.text: the IDL says string"):
        encode_item(talk, loaded.Message(text=1))
    with pytest.raises(EncodeError, match=r"^Logs\.sums\.item\.values\[1\]"):
        encode_item(sums, [1, "2"])


@ENCODED
def test_both_kinds_of_modules_write_the_same(encoding: str) -> None:
    for name, item in (("upload", b"abc"), ("note", 2), ("sums", [1, 2])):
        bodies = {encode_item(codec(module, name, encoding), item) for module in (loaded, raw)}
        assert len(bodies) == 1
    assert thrift_service(loaded.Logs).fingerprint == thrift_service(raw.Logs).fingerprint


def test_codecs_are_made_when_they_are_asked_for() -> None:
    module: Any = thriftpy2.load(str(FILE), module_name="callosum_test_lazy_streams_thrift")
    upload = method(module, "upload")
    assert "__callosum_thrift_binary__" not in vars(module.Summary)
    assert upload.preferred.encode_result(module.Summary(size=1))
    assert "__callosum_thrift_binary__" in vars(module.Summary)


# --- faults ----------------------------------------------------------------------------------------------------------


FAULTS = [
    ('i32 f() (callosum.stream = "both")', 22, 'S.f: callosum.stream = \'both\': there is "server", "client", "bidi"'),
    ('i32 f() (streaming.mode = "both")', 22, '"server", "client", "bidirectional", "bidi", "unary"'),
    ('i32 f() (callosum.stream = "in")', 22, '"bidi" on the function, and in on a parameter'),
    ('i32 f(1: i32 a (callosum.stream = "out")) (callosum.stream = "client")', 29, "S.f.a: callosum.stream = 'out'"),
    (
        'i32 f(1: i32 a (streaming.mode = "in")) (callosum.stream = "client")',
        29,
        "no annotation streaming.mode at this",
    ),
    ('i32 f(1: i32 a) (callosum.stream = "client")', 30, "no parameter is the caller's stream: write (callosum.stream"),
    ('i32 f() (streaming.mode = "client")', 22, "S.f: no parameter is the caller's stream"),
    ('i32 f(1: i32 a, 2: i32 b) (streaming.mode = "bidirectional")', 40, "no parameter is the caller's stream"),
    (
        'i32 f(1: i32 a (callosum.stream = "in"), 2: i32 b (callosum.stream = "in")) (callosum.stream = "bidi")',
        64,
        'S.f: a and b are both "in": a caller has one stream: remove one',
    ),
    ('i32 f(1: i32 a (callosum.stream = "in"))', 29, 'S.f.a is "in", and the caller of S.f streams nothing: write'),
    ('i32 f(1: i32 a (callosum.stream = "in")) (callosum.stream = "server")', 29, "streams nothing: write"),
    ('oneway void f() (callosum.stream = "server")', 30, "S.f is oneway and streams"),
    ('oneway void f(1: i32 a) (streaming.mode = "client")', 38, "S.f is oneway and streams"),
    ('void f() (callosum.stream = "server")', 23, "S.f streams what it returns, and that is void: write the type"),
    ('void f(1: i32 a (callosum.stream = "in")) (callosum.stream = "bidi")', 56, "and that is void"),
    (
        'i32 f(1: i32 a (callosum.stream = "in")) (callosum.stream = "client", callosum.key = "a")',
        83,
        "S.f: callosum.key = 'a': that is the caller's stream, and a key is known before: name another one",
    ),
    (
        'i32 f(1: i32 a = 5 (callosum.stream = "in")) (callosum.stream = "client")',
        19,
        "S.f.a is the caller's stream, and has a default: an item is always there: remove it",
    ),
    ('i32 f() (callosum.stream = "server", streaming.mode = "client")', 22, "say different things: remove one of them"),
    ('i32 f() (callosum.stream = "server", callosum.stream = "server")', 22, "callosum.stream stands here twice"),
]


@pytest.mark.parametrize(("function", "column", "message"), FAULTS, ids=range(len(FAULTS)))
def test_faults_have_their_place_and_say_what_to_do(tmp_path: Path, function: str, column: int, message: str) -> None:
    path = tmp_path / "bad.thrift"
    path.write_text(f"service S {{ {function} }}")
    with pytest.raises(ConfigurationError) as caught:
        load(path)
    assert str(caught.value).startswith(f"{path}:1:{column}: ")
    assert message in str(caught.value)


@pytest.mark.parametrize(("function", "column", "message"), FAULTS[:-1], ids=range(len(FAULTS) - 1))
def test_modules_of_thriftpy2_have_the_same_faults(tmp_path: Path, function: str, column: int, message: str) -> None:
    path = tmp_path / f"bad_{column}.thrift"
    path.write_text(f"service S {{ {function} }}")
    module: Any = thriftpy2.load(str(path), module_name=f"callosum_test_bad_{abs(hash(function))}_thrift")
    with pytest.raises(ConfigurationError) as caught:
        thrift_service(module.S)
    assert message in str(caught.value)


def test_all_faults_of_a_file_are_named(tmp_path: Path) -> None:
    path = tmp_path / "bad.thrift"
    path.write_text('service S { void f() (callosum.stream = "server") i32 g(1: i32 a) (callosum.stream = "client") }')
    with pytest.raises(ConfigurationError) as caught:
        load(path)
    assert len(str(caught.value).splitlines()) == 2


@pytest.mark.parametrize(
    "text",
    [
        'struct A { 1: i32 a (callosum.stream = "in") }',
        'exception E {} service S { void f() throws (1: E e (callosum.stream = "in")) }',
        'service S { string (callosum.stream = "server") f() }',
        'service S {} (callosum.stream = "server")',
    ],
)
def test_it_means_nothing_elsewhere(tmp_path: Path, text: str) -> None:
    path = tmp_path / "bad.thrift"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match=r"callosum has no annotation callosum\.stream at this place"):
        load(path)


def function_of(text: str) -> StreamedFunction:
    (one,) = read_text(f"service S {{ {text} }}", path="a.thrift").root.definitions
    assert isinstance(one, Service)
    return streamed(one.functions[0], "S.f")


def test_a_function_of_a_file() -> None:
    both = function_of(
        'i32 f(1: i32 a, 2: i32 b (callosum.stream = "in")) (callosum.stream = "bidi", streaming.mode = "bidi")'
    )
    assert (both.mode, both.stream, [*both.faults()]) == (Cardinality.BIDI_STREAM, 1, [])
    plain = function_of("oneway void f(1: i32 a)")
    assert (plain.mode, plain.stream, [*plain.faults()]) == (Cardinality.UNARY, None, [])
    unary = function_of('void f(1: i32 a) (streaming.mode = "unary")')
    assert (unary.mode, unary.stream, [*unary.faults()]) == (Cardinality.UNARY, None, [])


@pytest.mark.skipif(shutil.which("thrift") is None, reason="Apache's compiler is not installed")
@pytest.mark.parametrize("language", ["json", "py", "cpp", "java"])
def test_apaches_compiler_reads_the_annotations(tmp_path: Path, language: str) -> None:
    command = ["thrift", "-strict", "--gen", language, "-out", str(tmp_path), str(FILE)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert run.returncode == 0, run.stderr
    assert any(tmp_path.iterdir())
