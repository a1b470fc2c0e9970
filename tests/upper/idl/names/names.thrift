// Definitions, fields, members, functions, parameters and includes that are called as what generated modules use.
include "list.thrift"
include "typing.thrift"
include "builtins.thrift"
include "class/_runtime.thrift"

// --- builtins
struct int { 1: i32 int, 2: optional int str }
struct str { 1: string str, 2: string int }
struct float { 1: double float = 1.5 }
struct bytes { 1: binary bytes = "b" }
struct Bool { 1: bool bool = true, 2: list<bool> bools }
struct Set { 1: set<i32> set = [1], 2: set<i32> sets }
struct tuple { 1: map<list<i32>, string> tuple }
struct dict { 1: map<string, i32> dict = {"a": 1} }
struct frozenset { 1: map<set<i32>, string> frozenset }
union object { 1: i32 object, 2: list<object> property }
struct type { 1: i32 type, 2: list<type> types }
struct property { 1: i32 property }
struct super { 1: i32 super, 2: i32 isinstance, 3: i32 getattr }
exception Exception { 1: string args, 2: string message, 3: string with_traceback, 4: string add_note, 5: list<i32> __cause__ }
exception ValueError { 1: required string args, 2: i32 outcome, 3: Outcome Outcome }
enum Outcome { OUTCOME = 1 }

// --- typing, abc, uuid, types
struct Protocol { 1: uuid UUID, 2: Protocol2 Protocol }
struct Protocol2 { 1: i32 a }
struct Final { 1: i32 Final }
struct Literal { 1: i32 Literal }
union TYPE_CHECKING { 1: i32 TYPE_CHECKING, 2: string overload, 3: i32 Literal, 4: list<i32> self, 5: i32 which }
union overload { 1: i32 TYPE_CHECKING }
typedef i32 TypeAlias
typedef list<TypeAlias> Mapping
struct MappingProxyType { 1: i32 MappingProxyType }
struct ABC { 1: i32 ABC }
struct abstractmethod { 1: i32 abstractmethod }
struct UUID { 1: uuid uuid, 2: UUID UUID, 3: uuid other = "12345678-1234-5678-1234-567812345678" }
struct annotations { 1: i32 annotations }
struct Any { 1: i32 Any }
struct Self { 1: i32 Self }

// --- the runtime
struct Struct { 1: required i32 Struct, 2: i32 field = 2 }
struct field { 1: required i32 field, 2: i32 required, 3: i32 arm }
struct Required { 1: required i32 required, 2: required field field }
struct arm { 1: i32 arm }
struct Enum { 1: i32 Enum }
union Union { 1: i32 Union, 2: arm arm }
struct KW_ONLY { 1: i32 KW_ONLY }
struct DeclaredException { 1: i32 DeclaredException }
struct function { 1: i32 function, 2: i32 parameter, 3: i32 oneway, 4: i32 thrown }
struct parameter { 1: i32 parameter }
struct Stub { 1: i32 Stub }
service Service { Struct Service(1: Struct Struct, 2: Service_ Service = {}) throws (1: Exception Exception) }
struct Service_ { 1: i32 a }
struct Echo { 1: i32 a }
struct EchoStub { 1: i32 a }
struct EchoLike { 1: i32 a }
service EchoService { EchoServiceStub get(1: EchoServiceLike EchoServiceHandler) }
struct EchoServiceStub { 1: i32 a }
struct EchoServiceLike { 1: i32 a }
struct EchoServiceHandler { 1: i32 a }
struct _builtins { 1: i32 a }
struct _typing { 1: i32 a }
struct _runtime { 1: i32 a }
struct _uuid { 1: uuid a }
struct _int { 1: i32 _int, 2: int int }
struct __all__ { 1: i32 __all__ }
struct __thrift_idl__ { 1: i32 a }
struct __name__ { 1: i32 a }

// --- words of Python, and names that mean something to it
struct None { 1: i32 None, 2: i32 True, 3: optional None class }
struct class { 1: i32 class, 2: i32 class_, 3: i32 class__, 4: i32 self, 5: i32 cls, 6: i32 _, 7: i32 __x, 8: i32 __init__, 9: i32 __dict__ }
struct self { 1: i32 self, 2: required i32 cls }
struct _ { 1: i32 _ }
struct __x { 1: i32 __x, 2: i32 _x }
struct __init__ { 1: i32 __init__, 2: i32 __eq__, 3: i32 __class__, 4: i32 __slots__, 5: i32 __match_args__ }
struct match { 1: i32 match, 2: i32 case, 3: i32 type, 4: i32 read, 5: i32 write, 6: i32 thrift_spec, 7: i32 default_spec, 8: i32 thrift_spec_ }
enum lambda { name = 1, value = 2, mro = 3, None = 4, class = 5, _ = 6, __x = 7, __init__ = 8, real = 9, numerator = 10, lambda = 11, names = 12, _value_ = 13, from_bytes = 14, _missing_ = 15, _order_ = 16, name_ = 17, UNKNOWN_3 = 18, self = 19, _ignore_ = 20 }
const lambda yield = lambda.value
const i32 LIMIT = 1
const map<string, list<i32>> MappingProxy = {"a": [1]}
const set<string> sets = ["a"]
const list<lambda> lambdas = [lambda.name, lambda.mro]
const Struct structs = {"Struct": 1}
const double infinite = 1e308

service lambdas_ {
    int int(1: str str, 2: float float, 3: list<dict> dict) throws (1: ValueError ValueError)
    list.Entry list(1: list.Entry list = {"list": 1}, 2: list.Kind Kind = list.Kind.B)
    typing.Protocol typing(1: builtins.int builtins) throws (1: typing.Final typing)
    _runtime.Struct Struct(1: _runtime.Struct _runtime)
    builtins.str str(1: builtins.str self, 2: i32 cls)
    type type(1: type type)
    object object(1: object object)
    lambda lambda(1: lambda lambda = lambda.name, 2: map<lambda, lambda> lambdas)
    void None(1: None None)
    void abstractmethod(1: i32 abstractmethod)
    void property()
    void with_options(1: i32 timeout, 2: i32 key, 3: i32 metadata)
    void _options()
    void _peer()
    void _service()
    oneway void class(1: class class)
    void self(1: self self, 2: i32 _, 3: i32 __x, 4: i32 __init__)
    void _(1: _ _)
    void __init(1: i32 a)
    void thrift_functions()
    void thrift_services()
    void say_args()
    void say()
    void __class_getitem__()
    void ABC(1: ABC ABC, 2: i32 after)
    bool bool(1: bool bool)
    void optional(1: optional i32 a, 2: optional int int, 3: i32 b = 2)
}
service extending extends list.Service { list.Entry list(1: extending_ extending) }
struct extending_ { 1: Mapping Mapping, 2: list.dict dict, 3: builtins.int int, 4: typing.Protocol Protocol }
