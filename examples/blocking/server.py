"""Serves notes.thrift from an SQLite database, without async: `python server.py [ADDRESS]`."""

import sqlite3
import sys
import tempfile
from contextlib import closing, contextmanager
from pathlib import Path

import callosum
from callosum import blocking
from callosum.upper import thrift

notes = thrift.load(Path(__file__).with_name("notes.thrift"))


class NotesHandler:
    """Plain functions: sqlite3 blocks, so each call has a thread."""

    def __init__(self, path):
        self.path = path
        with self.database() as database:
            database.execute("create table note (number integer primary key, text text)")

    @contextmanager
    def database(self):
        """A connection for one call: sqlite3's belong to the thread that opens them."""
        with closing(sqlite3.connect(self.path, timeout=10)) as connection, connection:
            yield connection

    @callosum.in_thread
    def add(self, text):
        with self.database() as database:
            return database.execute("insert into note (text) values (?)", (text,)).lastrowid

    @callosum.in_thread
    def find(self, number):
        with self.database() as database:
            row = database.execute("select number, text from note where number = ?", (number,)).fetchone()
        if row is None:
            raise notes.NoSuchNote(number=number)
        return notes.Note(*row)

    @callosum.in_thread
    def search(self, word):
        query = "select number, text from note where instr(text, ?) order by number"
        with self.database() as database:
            return [notes.Note(*row) for row in database.execute(query, (word,))]

    @callosum.in_thread
    def remove(self, number):
        reader = blocking.current_peer().stub(notes.Reader)  # who calls can be called back, here as anywhere
        if not reader.confirm(f"remove note {number}?"):
            return False
        with self.database() as database:
            return database.execute("delete from note where number = ?", (number,)).rowcount == 1


def main(address="tcp://127.0.0.1:5030"):
    with tempfile.TemporaryDirectory() as folder:
        services = {notes.Notes: NotesHandler(Path(folder) / "notes.sqlite")}
        with blocking.listen(address, services, max_threads=8) as server:
            print(f"listening on {server.addresses[0]}", flush=True)
            server.serve_forever()  # a SIGTERM or SIGINT drains, then it returns
    print("drained", flush=True)


main(*sys.argv[1:])
