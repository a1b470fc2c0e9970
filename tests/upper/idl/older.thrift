struct Item { 1: required string name, 2: i32 count = 1 }
service Versions { Item put(1: Item value) }
