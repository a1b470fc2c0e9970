enum Size { S = 1, L = 2 }
