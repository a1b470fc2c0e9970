/** Files of one folder, over streams of binary. */
service Files {
  i64 size(1: string name)
  binary download(1: string name, 2: i64 offset) (callosum.stream = "server")
  string upload(1: string name, 2: binary chunk (callosum.stream = "in")) (callosum.stream = "client")
  i64 have(1: string name)
}
