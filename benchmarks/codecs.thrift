// What `python -m benchmarks.codecs` encodes and decodes.

enum Colour { RED = 1, GREEN = 2, BLUE = 3 }

struct Args {
    1: string message
    2: i64 number
}

struct Inner {
    1: i32 id
    2: string name
    3: double weight
    4: bool active
    5: i64 stamp
}

struct Record {
    1: i32 id
    2: i64 stamp
    3: double score
    4: bool active
    5: string name
    6: binary token
    7: Colour colour
    8: Inner inner
    9: list<i32> numbers
    10: list<string> tags
    11: map<string, i32> counts
    12: i32 width
    13: i32 height
    14: i64 size
    15: double ratio
    16: string title
    17: string path
    18: bool hidden
    19: Colour border
    20: i64 version
}

struct Row {
    1: i32 id
    2: string name
}

struct Rows { 1: list<Row> rows }
struct Blob { 1: binary data }
