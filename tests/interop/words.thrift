// Names that collide with words of Python, of the engine and of generated code, as far as the parser takes them.

enum Words { None = 1, async = 2, match = 3, name = 4, value = 5, mro = 6 }

struct Cls { 1: optional Words type, 2: optional list<Words> match, 3: i32 _ = 7, 4: string cls }
union Object { 1: Cls id, 2: Words len }
exception ValueError { 1: string with_traceback, 2: i32 outcome, 3: Words with_options }

service Reserved {
    Words None(1: Words None_)
    Cls async(1: Cls type, 2: i32 cls, 3: i32 buf, 4: string pos) throws (1: ValueError match)
    Object await(1: Object _, 2: map<Words, Cls> depth, 3: list<Object> room) throws (1: ValueError error)
    oneway void nonlocal(1: set<Words> peer)
    i32 with_options(1: i32 timeout, 2: i32 key, 3: i32 metadata) throws (1: ValueError _)
    void _options()
    i64 _peer(1: i64 message = 9)
    string builtins(1: i32 len, 2: string str, 3: list<string> isinstance, 4: list<i32> tuple, 5: Cls type)
    string others(1: list<i64> dict, 2: set<string> frozenset, 3: bool repr, 4: i32 int, 5: double sum, 6: binary bytes)
    string type(1: string text)
    i32 len(1: list<string> texts)
    string str(1: string text)
    binary match(1: binary body, 2: binary parts, 3: double error, 4: bool append)
}
