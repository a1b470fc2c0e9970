namespace py benchmarks_echo

service Echo {
    string say(1: string message)
}
