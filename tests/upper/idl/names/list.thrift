/** Included under the name of a builtin. */
enum Kind { A = 1, B = 2 }
struct Entry { 1: i32 list, 2: Kind Kind = Kind.B, 3: optional Entry next }
typedef Entry dict
const Kind kind = Kind.A
service Service { Entry str(1: Kind Kind) }
