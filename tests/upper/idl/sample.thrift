namespace py sample

enum Colour { RED = 1, GREEN = 2 }
struct Point { 1: required double x, 2: required double y, 3: optional string label }
struct Tree { 1: list<Tree> children, 2: map<string, set<i32>> marks, 3: Colour colour }
union Shape { 1: Point point, 2: Tree tree }
exception Refused { 1: string reason, 2: optional i64 code }
exception Outcomes { 1: string outcome }

service Sample {
    bool truth(1: bool value)
    byte small(1: byte value)
    i16 short_(1: i16 value)
    i32 number(1: i32 value)
    i64 long_(1: i64 value)
    double real(1: double value)
    string text(1: string value)
    binary data(1: binary value)
    list<i64> numbers(1: list<i64> value)
    set<string> words(1: set<string> value)
    map<string, Point> table(1: map<string, Point> value)
    Colour colour(1: Colour value)
    Point point(1: Point value)
    Tree tree(1: Tree value)
    Shape shape(1: Shape value)
    string with_options(1: string value)
    string await(1: string value)
    string _peer(1: string value)
    i32 fail(1: i32 value) throws (1: Refused refused, 2: Outcomes outcomes)
    oneway void note(1: string value)
    Point tail(1: string job, 2: i32 count) throws (1: Refused refused) (callosum.stream = "server")
    i64 upload(1: string name, 2: required binary chunk (callosum.stream = "in"), 3: Colour colour)
        throws (1: Refused refused) (callosum.stream = "client")
    Shape talk(1: Point said (callosum.stream = "in"), 2: i32 class)
        throws (1: Refused refused, 2: Outcomes outcomes) (callosum.stream = "bidi")
}
