"""The codecs: what was compressed comes back, and whatever else comes in is a DecodeError that took no memory."""

from __future__ import annotations

import random
import struct
import subprocess
import sys
import tracemalloc
from pathlib import Path

import cramjam
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import callosum
from callosum import Compression, ConfigurationError, DecodeError, compression
from callosum.compression import SNAPPY, ZSTD, compress, compression_of, decompress, numbers_of, offered, plain_size
from tests.protocol.vectors import generate

KINDS = pytest.mark.parametrize("kind", [SNAPPY, ZSTD], ids=["snappy", "zstd"])
MIB = 1 << 20
TEXT = b'{"name": "a user", "number": 12345}' * 400


def packed(body: bytes, kind: int) -> bytes:
    made, used = compress(body, kind, 0)
    assert used == kind, "it did not shrink"
    return bytes(made)


# --- what was asked for -----------------------------------------------------------------------------------------------


def test_an_option_is_a_name_or_says_more():
    assert compression_of(None) is None
    assert compression_of("snappy") == Compression() == Compression("snappy", 512)
    own = Compression("zstd", threshold=0)
    assert compression_of(own) is own
    assert compression_of("none") == Compression("none")
    assert [Compression(name).is_off for name in ("snappy", "zstd", "none")] == [False, False, True]


@pytest.mark.parametrize(
    ("option", "words"),
    [("gzip", "'snappy', 'zstd' and 'none'"), ("", "'snappy'"), (True, "give a name"), (7, "give a name")],
)
def test_an_option_that_is_none(option, words):
    with pytest.raises(ConfigurationError, match=words):
        compression_of(option)


@pytest.mark.parametrize("threshold", [-1, 0.5, "512"])
def test_a_threshold_that_is_none(threshold):
    with pytest.raises(ConfigurationError, match="give a number of bytes"):
        Compression(threshold=threshold)


def test_names_and_numbers():
    assert offered() == ("snappy", "zstd")
    assert numbers_of(["lz4", "zstd", "snappy"]) == {1, 2}
    assert numbers_of(["lz4"]) == frozenset()


# --- without the package ----------------------------------------------------------------------------------------------

WITHOUT = """
import sys
sys.modules["cramjam"] = None
import callosum
from callosum import compression
assert compression.offered() == () and not compression.numbers_of(["snappy"])
callosum.listen("memory://x", {}), callosum.listen("memory://x", {}, compression="none")
try:
    callosum.listen("memory://x", {}, compression="snappy")
except callosum.ConfigurationError as error:
    print(error)
try:
    compression.decompress(b"\\0", 1, 10)
except callosum.DecodeError as error:
    print(error)
"""


def test_without_the_package_there_is_none():
    done = subprocess.run([sys.executable, "-c", WITHOUT], capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == 0, done.stderr
    first, second = done.stdout.splitlines()
    assert "pip install callosum[compression]" in first
    assert "did not offer" in second


def test_a_package_that_is_broken_is_not_taken_for_missing(tmp_path: Path):
    (tmp_path / "cramjam.py").write_text("import no_such_module_of_it")
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import callosum"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == 1
    assert "no_such_module_of_it" in done.stderr


# --- there and back ---------------------------------------------------------------------------------------------------


@KINDS
@pytest.mark.parametrize("size", [1, 100, 1000, 65_536, 65_537, 128 * 1024 + 1, 300_000, 3 * MIB])
def test_what_was_compressed_comes_back(kind, size):
    body = (TEXT * (size // len(TEXT) + 1))[:size]
    made, used = compress(body, kind, 0)
    if size < 100:
        assert (made, used) == (body, 0)
        return
    assert used == kind
    assert len(made) < size * 0.6
    assert plain_size(made, kind, size) == size
    assert decompress(made, kind, size) == body
    assert decompress(memoryview(made), kind, size) == body
    assert packed(memoryview(body), kind) == made  # type: ignore[arg-type]


@KINDS
@settings(max_examples=200, deadline=None, derandomize=True, database=None)
@given(body=st.one_of(st.binary(max_size=3000), st.lists(st.sampled_from([b"ab", b"a" * 700, TEXT])).map(b"".join)))
def test_any_body_comes_back(kind, body):
    made, used = compress(body, kind, 0)
    assert used in (0, kind)
    assert len(made) <= len(body)
    assert (decompress(made, used, len(body)) if used else made) == body


@KINDS
def test_the_bodies_of_the_vectors(kind):
    body = {SNAPPY: generate.SNAPPY_BODY, ZSTD: generate.ZSTD_BODY}[kind]
    assert decompress(body, kind, 600) == generate.PLAIN


@KINDS
def test_what_is_short_or_does_not_shrink_is_left_alone(kind):
    short = b"x" * 512
    assert compress(short, kind) == (short, 0)
    assert compress(short + b"x", kind)[1] == kind
    assert compress(short, kind, 511)[1] == kind
    noise = random.Random(1).randbytes(5000)
    assert compress(noise, kind) == (noise, 0)
    assert compress(memoryview(noise), kind)[0] == noise


def test_what_other_encoders_of_zstd_make():
    """Levels, blocks that are not compressed, a checksum, a window that is said."""
    noise = random.Random(2).randbytes(200_000)
    for body in (TEXT, noise, TEXT * 300, noise + TEXT * 9):
        for level in (-5, 1, 3, 9, 19):
            assert decompress(bytes(cramjam.zstd.compress(body, level)), ZSTD, len(body)) == body


# --- bombs ------------------------------------------------------------------------------------------------------------


def refused_without_memory(body: bytes, kind: int, limit: int, words: str) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(DecodeError, match=words):
            decompress(body, kind, limit)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 100_000, f"{peak} bytes were taken"


@KINDS
def test_a_bomb_is_refused_before_it_is_decompressed(kind):
    bomb = packed(bytes(32 * MIB), kind)
    assert len(bomb) < 2 * MIB
    refused_without_memory(bomb, kind, 32 * MIB - 1, f"has {32 * MIB} bytes; {32 * MIB - 1} are the most")
    assert len(decompress(bomb, kind, 32 * MIB)) == 32 * MIB


def varint(number: int) -> bytes:
    made = bytearray()
    while number > 127:
        made.append(number & 127 | 128)
        number >>= 7
    return bytes([*made, number])


@pytest.mark.parametrize("claimed", [MIB, 2**32 - 1])
def test_a_length_of_snappy_that_lies_takes_no_memory(claimed):
    body = varint(claimed) + packed(TEXT, SNAPPY)[2:]
    refused_without_memory(body, SNAPPY, 2**32, "cannot have over")


def frame(size: int, *blocks: bytes, descriptor: int = 0xA0, tail: bytes = b"") -> bytes:
    """A frame of zstd whose size has four bytes."""
    window = b"" if descriptor & 0x20 else b"\x88"
    return b"\x28\xb5\x2f\xfd" + bytes([descriptor]) + window + struct.pack("<I", size) + b"".join(blocks) + tail


def block(kind: int, size: int, content: bytes, *, last: bool = True) -> bytes:
    return (size << 3 | kind << 1 | last).to_bytes(3, "little") + content


REPEATED = block(1, 600, b"\x2a")


@pytest.mark.parametrize("claimed", [MIB, 2**32 - 1])
def test_a_length_of_zstd_that_lies_takes_no_memory(claimed):
    refused_without_memory(frame(claimed, REPEATED), ZSTD, 2**32, "cannot have over 600")


@pytest.mark.parametrize("claimed", [0, 10, 599, 601, 700])
@KINDS
def test_a_length_that_lies_a_little(kind, claimed):
    body = frame(claimed, REPEATED) if kind == ZSTD else varint(claimed) + generate.SNAPPY_BODY[2:]
    with pytest.raises(DecodeError):
        decompress(body, kind, 1000)


def test_a_frame_that_becomes_more_than_it_says_does_not_get_the_room():
    """400 blocks of 128 KiB, of which 100 bytes are announced."""
    blocks = [block(1, 1 << 17, b"x", last=False)] * 60 + [block(1, 1 << 17, b"x")]
    refused_without_memory(frame(100, *blocks), ZSTD, 1000, "not valid zstd")


def test_a_window_that_is_said_is_no_larger_than_the_content():
    """0x88 is a window of 128 MiB, and is what a frame may say that has 600 bytes."""
    body = frame(600, REPEATED, descriptor=0x80)
    assert decompress(body, ZSTD, 600) == b"\x2a" * 600


@KINDS
def test_a_library_that_does_not_compare_the_sizes(kind, monkeypatch):
    """Its backends are not all of one hand."""

    def short(body, plain):
        return 5

    monkeypatch.setattr(cramjam.snappy, "decompress_raw_into", short)
    monkeypatch.setattr(cramjam.zstd, "decompress_into", short)
    with pytest.raises(DecodeError, match="says that it has 600 bytes, and has 5"):
        decompress({SNAPPY: generate.SNAPPY_BODY, ZSTD: generate.ZSTD_BODY}[kind], kind, 600)


# --- what is damaged --------------------------------------------------------------------------------------------------

GOOD = frame(600, REPEATED)
BROKEN = {
    "empty": b"",
    "magic-alone": GOOD[:4],
    "no-magic": b"\0" + GOOD[1:],
    "cut-in-the-size": GOOD[:7],
    "no-blocks": GOOD[:9],
    "cut-in-a-block": GOOD[:-1],
    "not-the-last-block": frame(600, block(1, 600, b"\x2a", last=False)),
    "something-behind": GOOD + b"\0",
    "two-frames": GOOD + GOOD,
    "skippable-frame-first": b"\x50\x2a\x4d\x18" + struct.pack("<I", 1) + b"x" + GOOD,
    "skippable-frame-behind": GOOD + b"\x50\x2a\x4d\x18" + struct.pack("<I", 1) + b"x",
    "no-size": b"\x28\xb5\x2f\xfd\x00\x58" + REPEATED,
    "dictionary": frame(600, REPEATED, descriptor=0xA1),
    "reserved-bit": frame(600, REPEATED, descriptor=0xA8),
    "reserved-block": frame(600, block(3, 600, b"\x2a")),
    "block-over": frame(600, block(1, (1 << 17) + 1, b"\x2a")),
    "no-checksum": frame(600, REPEATED, descriptor=0xA4),
    "wrong-checksum": frame(600, REPEATED, descriptor=0xA4, tail=b"abcd"),
    "compressed-block-of-nothing": frame(600, block(2, 600, bytes(600))),
    "too-many-blocks": frame(600, *[block(0, 0, b"", last=False)] * 100, REPEATED),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_frame_of_zstd_that_is_none(name):
    with pytest.raises(DecodeError, match="zstd"):
        decompress(BROKEN[name], ZSTD, 1000)


def test_a_walk_over_very_many_blocks_ends_early(monkeypatch):
    looked_at = 0

    class Counting(bytes):
        def __getitem__(self, at):
            nonlocal looked_at
            looked_at += 1
            return super().__getitem__(at)

    body = Counting(frame(600, *[block(0, 0, b"", last=False)] * 1_000_000, REPEATED))
    with pytest.raises(DecodeError, match="too many"):
        plain_size(body, ZSTD, MIB)
    assert looked_at < 100


@pytest.mark.parametrize("body", [b"", b"\xff" * 10, b"\xff" * 5, b"\x05", b"\x05\x00", varint(600) + b"\xfe\x01\x00"])
def test_a_body_of_snappy_that_is_none(body):
    with pytest.raises(DecodeError, match="snappy"):
        decompress(body, SNAPPY, MIB)


@pytest.mark.parametrize("kind", [0, 3, 7])
def test_a_number_that_is_no_compression(kind):
    with pytest.raises(DecodeError, match="did not offer"):
        decompress(GOOD, kind, MIB)


@KINDS
def test_what_was_damaged_on_its_way(kind):
    """Any bytes become what they say, within the limit, or a DecodeError."""
    rng = random.Random(3)
    good = packed(TEXT, kind)
    outcomes = set()
    for _ in range(20_000):
        damaged = bytearray(good[: rng.choice([30, len(good), len(good)])])
        for _ in range(rng.randrange(1, 5)):
            damaged[rng.randrange(len(damaged))] = rng.randrange(256)
        try:
            found = decompress(bytes(damaged), kind, 2 * len(TEXT))
        except DecodeError:
            outcomes.add("refused")
        else:
            assert len(found) <= 2 * len(TEXT)
            outcomes.add("same" if found == TEXT else "another")
    assert "refused" in outcomes


@settings(max_examples=500, deadline=None, derandomize=True, database=None)
@given(st.binary(max_size=200), st.sampled_from([SNAPPY, ZSTD]))
def test_any_bytes(body, kind):
    for data in (body, b"\x28\xb5\x2f\xfd" + body, GOOD[:9] + body):
        try:
            assert len(decompress(data, kind, 5000)) <= 5000
        except DecodeError:
            continue


def test_it_is_public():
    assert callosum.Compression is compression.Compression
