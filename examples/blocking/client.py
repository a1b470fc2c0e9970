"""Calls the server of server.py, from several threads: `python client.py [ADDRESS]`."""

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import callosum
from callosum import blocking
from callosum.upper import thrift

notes = thrift.load(Path(__file__).with_name("notes.thrift"))


class ReaderHandler:
    @callosum.in_thread
    def confirm(self, question):
        print(question, "yes")
        return True


def main(address="tcp://127.0.0.1:5030"):
    with blocking.connect(address, {notes.Reader: ReaderHandler()}) as peer:
        stub = peer.stub(notes.Notes, timeout=5.0)
        with ThreadPoolExecutor(4) as pool:  # one peer, for any number of threads
            numbers = sorted(pool.map(stub.add, [f"a note about {what}" for what in ("tea", "cups", "tea cups")]))
        print("added", numbers)
        print(sorted(note.text for note in stub.search("tea")))
        print("removed" if stub.remove(2) else "not removed")
        try:
            stub.find(2)
        except notes.NoSuchNote as error:
            print("no note", error.number, error.outcome.name)


main(*sys.argv[1:])
