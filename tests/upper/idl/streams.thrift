namespace py streams

/** There is no such job. */
exception NoSuchJob { 1: string job }
enum Level { LOW = 1, HIGH = 2 }
struct Line { 1: required string text, 2: optional Level level }
struct Message { 1: string text }
struct Summary { 1: i64 size }
/** Names that the streams of Python have. */
struct AsyncIterator { 1: i32 ReceiveStream }

service Base {
    /** The lines of a job. */
    Line tail(/** Which. */ 1: string job, 2: i32 count = 10) throws (1: NoSuchJob missing) (callosum.stream = "server")
    void ping()
}

service Logs extends Base {
    /** Stores a file. */
    Summary upload(1: string name, 2: required binary chunk (callosum.stream = "in"))
        throws (1: NoSuchJob missing) (callosum.stream = "client", callosum.key = "name")
    Message talk(1: Message said (callosum.stream = "in")) (callosum.stream = "bidi")
    /** The stream stands first, so nobody can leave it out. */
    list<i32> sums(1: list<i32> values (callosum.stream = "in"), 2: string room, 3: i32 start = 1)
        throws (1: NoSuchJob missing) (callosum.stream = "bidi", callosum.timeout = "2")
    void note(1: Level level (callosum.stream = "in")) (callosum.stream = "client")
    AsyncIterator given() (callosum.stream = "server")
}

/** As another Thrift family writes it. */
service Theirs {
    Line one(1: Message said) (streaming.mode = "unary")
    Line tail(1: Message said) (streaming.mode = "server")
    Summary upload(1: Message said) (streaming.mode = "client")
    Line talk(1: Message said) (streaming.mode = "bidirectional")
}
