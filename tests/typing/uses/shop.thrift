namespace py shop

const i32 LARGEST = 10
const list<string> UNITS = ["kg", "piece"]
const map<string, i32> PRICES = {"tea": 3}

typedef i64 Id

enum Colour { RED = 1, GREEN = 2 }

struct Item {
    1: required Id id
    2: string name
    3: optional i32 cents
    4: Colour colour
    5: list<string> tags
    6: set<list<i32>> sizes
}

struct Spot {
    1: required double x
    2: required double y
} (callosum.frozen = "true")

union Payment {
    1: string card
    2: i64 cash
    3: Item swap
}

exception SoldOut { 1: required Id id }

service Base {
    void ping()
}

service Feed extends Base {
    Item tail(1: string name) throws (1: SoldOut sold_out) (callosum.stream = "server")
    i64 upload(1: string name, 2: binary chunk (callosum.stream = "in")) (callosum.stream = "client")
    Payment talk(1: Item said (callosum.stream = "in")) (callosum.stream = "bidi")
}

service More extends Feed {
    i32 count(1: i32 least = 0) (callosum.stream = "server")
}

service Shop extends Base {
    Item find(1: string name) throws (1: SoldOut sold_out)
    Id add(1: Item item, 2: i32 count = 1)
    Payment pay(1: Payment payment)
    oneway void forget(1: Id id)
}
