namespace py benchmarks_compression

struct Order {
    1: required i64 id
    2: required string customer
    3: required string city
    4: required double total
    5: required bool paid
    6: required list<string> tags
}

service Orders {
    list<Order> echo(1: list<Order> orders)
    binary text(1: binary text)
}
