"""The file beside the target."""

from __future__ import annotations

import errno
import fcntl
import os

import pytest

from callosum.files import Corrupted, SourceChanged, TargetBusy, WrongOffset
from callosum.files.checksum import new_checksum
from callosum.files.envelope import Head, Tail
from callosum.files.partial import PartialFile, partial_of, remove, size_of

WHOLE = b"0123456789" * 100


def digest(data):
    checksum = new_checksum()
    checksum.update(data)
    return checksum.digest()


def begun(path, offset=0, data=WHOLE):
    file = PartialFile(path)
    try:
        file.begin(Head(len(data), offset, digest(data[:offset])))
    except BaseException:
        file.close(())
        raise
    return file


@pytest.fixture
def path(tmp_path):
    return tmp_path / "target.bin"


def test_it_gets_the_name_when_it_is_whole(path):
    path.write_bytes(b"what was there before")
    file = begun(path)
    file.write([WHOLE[:10], memoryview(WHOLE)[10:]])
    assert path.read_bytes() == b"what was there before"
    assert size_of(path) == len(WHOLE)
    file.finish(Tail(len(WHOLE), digest(WHOLE)))
    file.close(())
    assert path.read_bytes() == WHOLE
    assert size_of(path) == 0
    assert list(path.parent.iterdir()) == [path]


def test_what_is_left_is_written_at_the_end_and_kept(path):
    file = begun(path)
    file.write([WHOLE[:10]])
    file.close([WHOLE[10:20], WHOLE[20:25]])
    file.close([b"never"])
    assert partial_of(path).read_bytes() == WHOLE[:25]
    file = begun(path, 20)
    file.write([WHOLE[20:]])
    file.finish(Tail(len(WHOLE), digest(WHOLE)))
    file.close(())
    assert path.read_bytes() == WHOLE


def test_beginning_again_forgets_what_is_there(path):
    begun(path).close([WHOLE])
    begun(path).close([b"ab"])
    assert partial_of(path).read_bytes() == b"ab"


def test_another_beginning_is_of_no_use(path):
    begun(path).close([b"another content"])
    with pytest.raises(SourceChanged, match=r"the first 5 bytes .* Begin again, at 0"):
        begun(path, 5)
    assert size_of(path) == 15


def test_what_is_not_here_cannot_be_left_out(path):
    begun(path).close([WHOLE[:5]])
    with pytest.raises(WrongOffset, match=r"begins at 6, and .* has 5 bytes"):
        begun(path, 6)
    assert size_of(path) == 5


def test_a_wrong_checksum_never_gets_the_name(path):
    file = begun(path)
    file.write([b"x" + WHOLE[1:]])
    with pytest.raises(Corrupted, match="the checksums differ"):
        file.finish(Tail(len(WHOLE), digest(WHOLE)))
    file.drop()
    file.drop()
    file.close(())
    assert not list(path.parent.iterdir())


def test_one_receiver_at_a_time(path):
    file = begun(path)
    with pytest.raises(TargetBusy, match="by another process"):
        begun(path)
    file.close(())
    begun(path).close(())


def test_who_was_late_does_not_write_into_the_finished_file(path, monkeypatch):
    file = begun(path)
    file.write([WHOLE])
    lock = fcntl.flock

    def finish_before_the_lock(descriptor, how):
        monkeypatch.setattr(fcntl, "flock", lock)
        file.finish(Tail(len(WHOLE), digest(WHOLE)))
        file.close(())
        lock(descriptor, how)

    monkeypatch.setattr(fcntl, "flock", finish_before_the_lock)
    begun(path).close([b"another"])
    assert path.read_bytes() == WHOLE
    assert partial_of(path).read_bytes() == b"another"


def test_a_disk_that_takes_little_at_a_time(path, monkeypatch):
    monkeypatch.setattr(os, "writev", lambda descriptor, pieces: os.write(descriptor, pieces[0][:3]))
    file = begun(path)
    file.write([WHOLE[:2], WHOLE[2:9], memoryview(WHOLE)[9:]])
    file.finish(Tail(len(WHOLE), digest(WHOLE)))
    file.close(())
    assert path.read_bytes() == WHOLE


def test_many_small_pieces(path):
    file = begun(path)
    file.write([WHOLE[i : i + 1] for i in range(len(WHOLE))])
    file.finish(Tail(len(WHOLE), digest(WHOLE)))
    file.close(())
    assert path.read_bytes() == WHOLE


def test_a_full_disk_is_the_systems_error_and_closes_the_file(path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    file = begun(path)
    file.write([WHOLE[:5]])
    monkeypatch.setattr(os, "writev", full)
    with pytest.raises(OSError, match="No space"):
        file.close([WHOLE[5:]])
    monkeypatch.undo()
    assert partial_of(path).read_bytes() == WHOLE[:5]
    begun(path, 5).close(())  # nobody has it any more


@pytest.mark.parametrize("name", ["missing/target", "file/target"])
def test_folders_are_not_made(tmp_path, name):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OSError, match="No such file|Not a directory"):
        begun(tmp_path / name)


def test_a_link_is_not_followed(path, tmp_path):
    partial_of(path).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match=r"Too many levels|symbolic"):
        begun(path)
    assert not (tmp_path / "elsewhere").exists()


def test_what_is_there_can_be_removed(path):
    remove(path)
    begun(path).close([WHOLE])
    remove(path)
    assert size_of(path) == 0
