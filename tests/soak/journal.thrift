namespace py journal

service Journal {
    /** Write the number down, then take some time, then return it. */
    i64 record(1: i64 number, 2: double seconds)
}
