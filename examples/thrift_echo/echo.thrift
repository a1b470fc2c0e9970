namespace py thrift_echo

exception EmptyMessage { 1: string reason }

struct Echoed {
    1: required string message
    2: required i64 length
}

/** What the server does. */
service Echo {
    /** The message and its length. */
    Echoed say(1: string message) throws (1: EmptyMessage empty)

    /** The same, but it takes some seconds. */
    Echoed say_slowly(1: string message, 2: double seconds)

    /** Nobody waits for this one. */
    oneway void poke(1: string message)

    /** Asks the caller back, and returns its answer. */
    string ask_me(1: string question)
}

/** What the client does for the server. */
service Listener {
    string answer(1: string question)
}
