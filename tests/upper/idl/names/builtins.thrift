include "list.thrift"
enum int { int = 1, str = 2 }
struct str { 1: list.Entry list, 2: int int }
