namespace py everything

/** What a thing
 * looks like. */
enum Colour {
    RED = 1,
    GREEN,
    None = 7
}

const Colour FAVOURITE = Colour.GREEN
const i32 LIMIT = 64
const list<string> WORDS = ["one", "two"]

typedef i64 Id
typedef list<Later> Laters
typedef Later Alias

struct Numbers {
    1: bool flag
    2: i8 tiny
    3: i16 small
    4: i32 medium
    5: i64 large
    6: double real
}

struct Scattered {
    -3: i32 negative
    7: i64 seven
    300: string text
    5: double five
    32767: bool last
}

struct Text {
    1: string text
    2: binary raw
}

/** Two of its fields are required. */
struct Point {
    1: required i32 x
    2: required i32 y
}

struct Containers {
    1: list<bool> flags
    2: list<i8> tinies
    3: list<i16> smalls
    4: list<i32> mediums
    5: list<i64> larges
    6: list<double> reals
    7: list<string> texts
    8: list<binary> raws
    9: list<Colour> colours
    10: list<Point> points
    11: set<bool> flag_set
    12: set<i64> number_set
    13: set<string> text_set
    14: set<Colour> colour_set
    15: set<Point> point_set
    16: map<string, i32> ages
    17: map<i64, Point> places
    18: map<Colour, list<Colour>> shades
    19: map<Point, string> names
    20: list<list<i32>> matrix
    21: set<list<i32>> tuples
    22: set<set<string>> groups
    23: map<list<list<i16>>, double> deep_keys
    24: map<string, map<string, set<i32>>> nested
    25: set<double> real_set
    26: map<bool, binary> by_flag
}

struct Node {
    1: string name
    2: optional Node after
    3: list<Node> children
    4: map<string, Node> by_name
}

union Shape {
    1: Point point
    2: Colour colour
    3: list<Shape> group
    4: string name
}

struct Defaults {
    1: i32 count = 3
    2: string name = "x"
    3: list<i32> numbers = [1, 2]
    4: set<string> words = ["a"]
    5: map<string, list<i32>> table = {"k": [1]}
    6: Colour colour = Colour.RED
    7: bool flag = true
    8: double real = 2
    9: Point origin = {"x": 1, "y": 2}
    10: binary raw = "raw"
    11: list<i32> none = []
    12: required i16 needed = 5
}

exception NotFound {
    1: string name
    2: i32 code = 404
}

exception Odd {
    1: i32 outcome
    2: optional Point where
}

struct Empty {}

service Base {
    /** Whether it is there. */
    bool ping()
    oneway void forget(1: Id id)
}

/** All there is. */
service Everything extends Base {
    void nothing() throws (1: NotFound missing)
    // the next one has a doc comment
    /** Adds. */
    i64 add(1: i64 a, 2: i64 b = 2)
    Point locate(1: required string name, 2: set<string> words, 3: i32 depth = 1, 4: Colour colour) throws (1: NotFound missing, 2: Odd odd)
    list<i32> numbers(1: list<i32> numbers = [1])
    Node walk(1: Node node)
    Shape shape(1: Shape shape)
    Laters late(1: Alias first, 2: map<string, Later> by_name)
    Colour with_options(1: Colour colour)
    Later None()
}

struct Later {
    1: i32 number
    2: Sooner sooner = {"number": 4}
}

struct Sooner { 1: i32 number }

struct Uuids {
    1: uuid one
    2: list<uuid> all
    3: set<uuid> some
    4: map<uuid, string> names
}
