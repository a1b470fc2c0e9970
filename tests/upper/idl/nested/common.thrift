enum Kind { SMALL, BIG }
struct Thing { 1: string name, 2: Kind kind }
service Things { Thing get() }
