/** Files of one folder. What is sent and received are the items of callosum.files. */
service Store {
  /** How much is here of a file whose upload has not come to its end. */
  i64 received(1: string name)
  string upload(1: string name, 2: binary chunk (callosum.stream = "in")) (callosum.stream = "client")
  binary download(1: string name, 2: i64 offset) (callosum.stream = "server")
}
