namespace py notes

exception NoSuchNote { 1: i64 number }

struct Note {
    1: required i64 number
    2: required string text
}

service Notes {
    i64 add(1: string text)
    Note find(1: i64 number) throws (1: NoSuchNote missing)
    list<Note> search(1: string word)
    bool remove(1: i64 number)
}

service Reader {
    bool confirm(1: string question)
}
