struct Thing { 1: i64 number }
