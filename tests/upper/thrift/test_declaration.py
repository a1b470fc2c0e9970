from __future__ import annotations

import inspect
import pickle
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from thriftpy2.protocol import TCyBinaryProtocol
from thriftpy2.protocol.binary import TBinaryProtocol
from thriftpy2.thrift import TClient, TPayload, TProcessor
from thriftpy2.transport import TCyMemoryBuffer, TMemoryBuffer

import callosum
from callosum import testing
from callosum.errors import ConfigurationError
from callosum.upper.thrift import load, load_string
from callosum.upper.thrift.declaration import (
    FunctionSpec,
    Service,
    function,
    oneway,
    parameter,
    required_parameter,
    thrown,
)
from callosum.upper.thrift.payload import MISSING
from tests.services import new_address, run

IDL = """
exception Refused { 1: required string reason }
struct Line { 1: required string text }
service Base {
    /** Whether it is there. */
    bool ping()
    oneway void poke(1: string message)
}
/** Says things. */
service Echo extends Base {
    /**
     * Says it again.
     *
     * @param message what
     */
    Line say(1: required string message, 3: Line line, 2: i32 times = 2, 4: list<i32> numbers = [1])
        throws (1: Refused refused)
    void import(1: i32 class) (callosum.timeout = "1.5", callosum.idempotent = "true", callosum.key = "class")
    list<string> names(1: uuid key, 2: map<string, Line> lines)
} (callosum.name = "shop.Echo")
service Empty {}
"""


@pytest.fixture(scope="module")
def m() -> Any:
    return load_string(IDL, module_name="callosum_test_declaration")


# --- thriftpy2's metadata ---------------------------------------------------------------------------------------------


def test_a_service_class_has_the_names_of_all_functions(m: Any) -> None:
    assert m.Base.thrift_services == ["ping", "poke"]
    assert m.Echo.thrift_services == ["say", "import", "names", "ping", "poke"]
    assert m.Empty.thrift_services == []
    assert [one.name for one in m.Echo.thrift_functions] == ["say", "import", "names"]


def test_arguments_and_results_are_made_when_they_are_asked_for(m: Any) -> None:
    fresh: Any = load_string("service S { i32 f(1: i32 a) }", module_name="callosum_test_late")
    late: Any = fresh.S.__dict__["f_args"]
    assert late._made is None
    made: Any = fresh.S.f_args
    assert fresh.S.f_args is made
    assert fresh.S.__dict__["f_args"]._made is made
    assert issubclass(made, TPayload)
    assert made.thrift_spec == {1: (8, "a", False)}
    assert fresh.S.f_result.thrift_spec == {0: (8, "success", False)}
    assert fresh.S.f_result.oneway is False
    assert (made.__name__, made.__qualname__, made.__module__) == ("f_args", "S.f_args", "callosum_test_late")


def test_what_arguments_and_results_have(m: Any) -> None:
    assert m.Echo.say_args.thrift_spec == {
        1: (11, "message", True),
        3: (12, "line", m.Line, False),
        2: (8, "times", False),
        4: (15, "numbers", 8, False),
    }
    assert m.Echo.say_args.default_spec == [("message", None), ("line", None), ("times", 2), ("numbers", [1])]
    assert m.Echo.say_result.thrift_spec == {0: (12, "success", m.Line, False), 1: (12, "refused", m.Refused, False)}
    assert m.Echo.import_args.thrift_spec == {1: (8, "class_", False)}
    assert m.Echo.import_result.thrift_spec == {}
    assert m.Base.poke_result.oneway is True
    assert m.Echo.names_args.default_spec == [("key", UUID(int=0)), ("lines", {})]


def test_arguments_are_values(m: Any) -> None:
    one, other = m.Echo.say_args(message="a"), m.Echo.say_args(message="a")
    assert one == other
    assert repr(one) == "say_args(message='a', line=None, times=2, numbers=[1])"
    one.numbers.append(2)
    assert other.numbers == [1] == m.Echo.say_args().numbers
    assert pickle.loads(pickle.dumps(one)) == one


def test_what_is_inherited_is_shared(m: Any) -> None:
    assert m.Echo.ping_args is m.Base.ping_args
    assert m.Echo.poke_result is m.Base.poke_result
    assert "say_args" not in m.Base.__dict__


@pytest.mark.parametrize("kind", ["pure", "cython"])
def test_thriftpy2s_client_calls_thriftpy2s_server(m: Any, kind: str) -> None:
    protocol: Any = TBinaryProtocol if kind == "pure" else TCyBinaryProtocol

    class Handler:
        poked: list[str] = []

        def ping(self) -> bool:
            return True

        def poke(self, message: str) -> None:
            self.poked.append(message)

        def say(self, message: str, line: Any, times: int, numbers: list[int]) -> Any:
            if not message:
                raise m.Refused("nothing to say")
            return m.Line(message * times + (line.text if line else "") + str(numbers))

        def names(self, key: Any, lines: dict[str, Any]) -> list[str]:
            return sorted(one.text for one in lines.values())

    class Turn:
        """A transport of which the server's turn comes when the client has said what it had to say."""

        def __init__(self) -> None:
            self.there, self.back = self._fresh(), self._fresh()

        def _fresh(self, *given: bytes) -> Any:
            return TMemoryBuffer(*given) if kind == "pure" else TCyMemoryBuffer(*given)

        def call(self, name: str, *arguments: Any, **named: Any) -> Any:
            client = TClient(m.Echo, protocol(self.back), protocol(self.there))
            client._send(name, **dict(zip(order(name), arguments, strict=False)), **named)
            reply = self._fresh()
            TProcessor(m.Echo, Handler()).process(protocol(self._fresh(self.there.getvalue())), protocol(reply))
            client._iprot = protocol(self._fresh(reply.getvalue()))
            self.there = self._fresh()
            return None if getattr(m.Echo, f"{name}_result").oneway else client._recv(name)

    def order(name: str) -> list[str]:
        return [one[1] for one in getattr(m.Echo, f"{name}_args").thrift_spec.values()]

    turn = Turn()
    assert turn.call("ping") is True
    assert turn.call("say", "a") == m.Line("aa[1]")
    assert turn.call("say", "a", m.Line("!"), 3, []) == m.Line("aaa![]")
    assert turn.call("poke", "x") is None
    assert Handler.poked == ["x"]
    with pytest.raises(m.Refused) as caught:
        turn.call("say", "")
    assert caught.value.reason == "nothing to say"


# --- the engine -------------------------------------------------------------------------------------------------------


def handler_of(m: Any, *, but: str = "") -> Any:
    """A handler with all methods, or all but one."""

    async def ping(self: object) -> bool:
        return True

    async def poke(self: object, message: str) -> None: ...

    async def say(self: object, message: str, line: Any, times: int, numbers: list[int]) -> Any:
        if not message:
            raise m.Refused("nothing to say")
        return m.Line(f"{message * times}{numbers}")

    async def import_(self: object, class_: int) -> None: ...

    async def names(self: object, key: UUID, lines: dict[str, Any]) -> list[str]:
        return [str(key), *lines]

    methods = {one.__name__: one for one in (ping, poke, say, import_, names) if one.__name__ != but}
    return type("Handler", (m.EchoHandler,), dict(methods))


def test_a_service_says_what_the_interface_says(m: Any) -> None:
    service = callosum.service_of(m.Echo)
    assert service is callosum.service_of(m.Echo)
    assert (service.name, service.doc) == ("shop.Echo", "Says things.")
    assert [one.name for one in service.bases] == ["Base"]
    assert list(service.methods) == ["say", "import", "names", "ping", "poke"]
    say, import_ = service.methods["say"], service.methods["import"]
    assert say.doc.startswith("Says it again.")
    assert say.raises == (m.Refused,)
    assert (import_.python_name, import_.timeout, import_.idempotent, import_.key) == ("import_", 1.5, True, "class_")
    assert callosum.service_of(m.Empty).methods == {}


def test_a_name_that_python_has_is_kept_on_the_wire() -> None:
    module: Any = load_string("service class { void def() } service lambda extends class {}")
    assert callosum.service_of(module.class_).name == "class"
    assert callosum.service_of(module.lambda_).name == "lambda"
    assert callosum.service_of(module.class_).methods["def"].wire_name == "class/def"


def test_handlers_in_a_list_are_served(m: Any) -> None:
    async def main() -> None:
        address = new_address()
        async with callosum.listen(address, [handler_of(m)()]), callosum.connect(address) as peer:
            stub = peer.stub(m.Echo)
            assert await stub.say("a", None) == m.Line("aa[1]")
            assert await stub.say("a", m.Line("x"), times=1, numbers=[]) == m.Line("a[]")
            assert await stub.names(UUID(int=5), {"x": m.Line("y")}) == [str(UUID(int=5)), "x"]
            assert await stub.import_(class_=3) is None
            await stub.poke("x")
            assert await peer.stub(m.Base).ping() is True
            with pytest.raises(m.Refused, match="reason='nothing to say'"):
                await stub.say("", None)

    run(main())


def test_a_handler_of_a_base_is_no_handler_of_what_extends_it(m: Any) -> None:
    class OnlyBase(m.BaseHandler):  # type: ignore[misc]
        async def ping(self) -> bool:
            return False

        async def poke(self, message: str) -> None: ...

    async def main() -> None:
        async with testing.serve_in_memory([OnlyBase()]) as peer:
            assert await peer.stub(m.Base).ping() is False
            with pytest.raises(callosum.CallosumError):
                await peer.stub(m.Echo).say("a", None)

    run(main())


def test_a_handler_that_lacks_a_method_is_not_made(m: Any) -> None:
    handler_of(m)()
    for name in ("say", "ping", "import_"):
        with pytest.raises(TypeError, match=f"abstract class Handler with abstract method '?{name}'?"):
            handler_of(m, but=name)()


def test_a_handler_without_the_class_needs_a_mapping(m: Any) -> None:
    class Own:
        ping = poke = say = import_ = names = handler_of(m).ping

    with pytest.raises(ConfigurationError):
        callosum.listen(new_address(), [Own()])


def test_a_required_parameter_has_to_arrive(m: Any) -> None:
    codec = next(iter(callosum.service_of(m.Echo).methods["say"].codecs.values()))
    with pytest.raises(callosum.DecodeError, match=r"message"):
        codec.decode_args(b"\0")


def test_stubs_show_signatures_and_docs(m: Any) -> None:
    async def main() -> None:
        async with testing.serve_in_memory([handler_of(m)()]) as peer:
            say = peer.stub(m.Echo).say
            signature = inspect.signature(say)
            assert list(signature.parameters) == ["message", "line", "times", "numbers"]
            assert signature.parameters["message"].default is inspect.Parameter.empty
            assert signature.parameters["times"].default == 2
            assert signature.parameters["line"].default is inspect.Parameter.empty
            assert (say.__doc__ or "").startswith("Says it again.")
            assert list(inspect.signature(peer.stub(m.Echo).import_).parameters) == ["class_"]

    run(main())


def test_the_generated_classes_are_documented(m: Any) -> None:
    assert m.Echo.__doc__ == "Says things."
    assert "Says it again." in m.EchoLike.say.__doc__
    assert "Raises:\n    Refused: The interface declares it." in inspect.cleandoc(m.EchoLike.say.__doc__)
    assert issubclass(m.EchoHandler, m.BaseHandler)
    assert m.EchoHandler.__abstractmethods__ == {"ping", "poke", "say", "import_", "names"}


def test_a_service_of_another_file_is_extended(tmp_path: Path) -> None:
    (tmp_path / "base.thrift").write_text("struct A { 1: i32 a } service Base { A get(1: A a) }")
    (tmp_path / "more.thrift").write_text('include "base.thrift" service More extends base.Base { void put() }')
    more: Any = load(tmp_path / "more.thrift")
    assert more.More.thrift_services == ["put", "get"]
    assert more.More.get_args is more.base.Base.get_args
    assert issubclass(more.MoreHandler, more.base.BaseHandler)

    class Handler(more.MoreHandler):  # type: ignore[misc]
        async def get(self, a: Any) -> Any:
            return a

        async def put(self) -> None: ...

    async def main() -> None:
        async with testing.serve_in_memory([Handler()]) as peer:
            assert await peer.stub(more.base.Base).get(more.base.A(a=1)) == more.base.A(a=1)
            assert await peer.stub(more.More).get(more.base.A(a=2)) == more.base.A(a=2)

    run(main())


def test_a_class_that_a_user_derives_is_no_service(m: Any) -> None:
    class Mine(m.Echo):  # type: ignore[misc]
        pass

    assert Mine.thrift_services == m.Echo.thrift_services
    assert "thrift_functions" not in Mine.__dict__


# --- the table --------------------------------------------------------------------------------------------------------


def test_parameters_as_the_table_has_them() -> None:
    kinds = {"bool": False, "i8": 0, "double": 0.0, "string": "", "binary": b"", "uuid": UUID(int=0), "list<i8>": []}
    for spelled, zero in kinds.items():
        assert parameter(1, "a", spelled).default() == zero
    for spelled in ("set<i8>", "map<i8, i8>"):
        assert not parameter(1, "a", spelled).default()
    assert parameter(1, "a", "Point").default() is None
    assert parameter(1, "a", "i32").for_caller is MISSING
    assert parameter(1, "a", "i32", default=5).default() == parameter(1, "a", "i32", default=5).for_caller == 5
    needed = required_parameter(1, "a", "i32")
    assert (needed.is_required, needed.default(), needed.for_caller) == (True, None, MISSING)


def test_functions_as_the_table_has_them() -> None:
    error = thrown(1, "error", "Error")
    made = function("say", "i32", parameter(1, "a", "i32"), throws=(error,), annotations={"callosum.key": "a"})
    assert (made.name, made.returns, made.throws, made.is_oneway) == ("say", "i32", (error,), False)
    assert made.annotations == {"callosum.key": "a"}
    poked = oneway("poke")
    assert poked == FunctionSpec("poke", "void", (), (), {}, is_oneway=True)


def test_a_type_that_the_module_does_not_have_is_found_when_it_is_asked_for() -> None:
    class Lost(Service[object, object], handler=type("Handler", (), {})):
        thrift_functions = (function("f", "Missing"),)

    assert Lost.f_args.thrift_spec == {}  # type: ignore[attr-defined]
    with pytest.raises(ConfigurationError, match=r"Lost\.f_result\.success: there is no type Missing"):
        _ = Lost.f_result  # type: ignore[attr-defined]
