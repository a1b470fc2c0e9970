service Transfer {
  binary give() (callosum.stream = "server")
  i64 take(1: binary chunk (callosum.stream = "in")) (callosum.stream = "client")
  binary checked() (callosum.stream = "server")
  binary file(1: string name) (callosum.stream = "server")
  i64 add(1: i64 left, 2: i64 right)
}
