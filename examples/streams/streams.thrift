/** Streams each way: run server.py, then client.py. */
namespace py example_streams

exception NoSuchJob { 1: string job }
struct Line { 1: required i32 number, 2: required string text }
struct Summary { 1: required string name, 2: required i64 size, 3: required i32 chunks }
struct Said { 1: required string who, 2: required string text }

service Jobs {
    /** The lines of a job's log, as they are written. */
    Line tail(1: string job) throws (1: NoSuchJob missing) (callosum.stream = "server"),

    /** Stores what comes in chunks. */
    Summary upload(1: string name, 2: binary chunk (callosum.stream = "in")) (callosum.stream = "client"),

    /** A room: what one says is heard by all, also by oneself. */
    Said chat(1: string who, 2: string text (callosum.stream = "in")) (callosum.stream = "bidi"),
}
