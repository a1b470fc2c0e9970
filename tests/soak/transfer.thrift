/** Large data, for `test_transfer.py`. */
service Transfer {
  binary give(1: i64 mebibytes) (callosum.stream = "server")
  string take(1: binary chunk (callosum.stream = "in")) (callosum.stream = "client")
}
