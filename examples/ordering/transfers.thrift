namespace py ordering_example

service Transfers {
    /** Takes some time, and returns the number of the request. Requests of one account are in order. */
    i32 move(1: i32 request, 2: optional string account, 3: double seconds) (callosum.key = "account")
}
