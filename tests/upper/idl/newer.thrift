struct Extra { 1: list<string> notes }
struct Item { 1: required string name, 2: i32 count = 1, 3: optional Extra extra, 4: string unit = "m" }
service Versions { Item put(1: Item value, 2: bool force = false) }
