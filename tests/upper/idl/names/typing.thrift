struct Protocol { 1: i32 x }
exception Final { 1: string Final }
