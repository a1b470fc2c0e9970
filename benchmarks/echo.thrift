namespace py benchmarks_echo

service Echo {
    string say(1: string message)
    binary blob(1: binary payload)
    i64 add(1: i64 left, 2: i64 right)
    void park()
}
