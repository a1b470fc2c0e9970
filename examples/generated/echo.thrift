namespace py echo

/** The message was refused. */
exception EmptyMessage { 1: required string reason }

enum Tone {
    PLAIN = 0
    LOUD = 1
}

struct Echoed {
    1: required string message
    2: required i64 length
    3: Tone tone = Tone.PLAIN
}

/** What the server does. */
service Echo {
    /** The message and its length. */
    Echoed say(1: string message, 2: Tone tone = Tone.PLAIN) throws (1: EmptyMessage empty)

    /** Nobody waits for this one. */
    oneway void poke(1: string message)

    /** Asks the caller back, and returns its answer. */
    string ask_me(1: string question)
}

/** What the client does for the server. */
service Listener {
    string answer(1: string question)
}
