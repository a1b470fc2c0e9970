/** What a shop sells. */
namespace py shop.rich

include "shared.thrift"

/** Counted from one. */
enum Colour {
    RED = 1
    /** Like "grass" \ leaves. */
    GREEN
    None = 7
}

typedef map<string, list<shared.Size>> Sizes
const i32 LIMIT = 64
const Colour FAVOURITE = Colour.GREEN
/** Never changes. */
const map<string, list<i32>> TABLE = {"a": [1, 2], "b": []}
const set<shared.Size> SIZES = [shared.Size.S]
const Item FIRST = {"id": 1, "colour": Colour.RED}

/**
 * Something to buy.
 *
 * It has a """price""".
 */
struct Item {
    4: optional string note
    /** Its number. */
    1: required i64 id
    2: Colour colour = Colour.GREEN
    3: list<string> tags = ["new"]
    5: Sizes sizes
    6: optional Item inner
    7: shared.Size size = shared.Size.L
    8: required bool sold = false
    9: uuid mark
    10: double class = 1
    11: map<Place, binary> places
}

struct Place { 1: required i32 x } (callosum.frozen = "true")

/** Either. */
union Payment { 1: string card, 2: i64 cash }

exception SoldOut { 1: required i64 id, 2: string message = "gone" }

struct Empty {}

service Base { void ping() }

/** Sells. */
service Shop extends Base {
    /**
     * Finds one.
     */
    Item find(
        /** Its number. */
        1: required i64 id,
        2: Colour colour = Colour.RED,
        3: list<string> tags = []
    ) throws (1: SoldOut gone) (callosum.idempotent = "true")
    oneway void import(1: Payment payment)
} (callosum.name = "rich.Shop")
