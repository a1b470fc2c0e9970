// echo.thrift
namespace py thrift_echo
exception EmptyMessage { 1: string reason }
struct Echoed { 1: required string message, 2: required i64 length }
service Echo {
    Echoed say(1: string message) throws (1: EmptyMessage empty)
    oneway void poke(1: string message)
}
