struct Struct { 1: required string x }
