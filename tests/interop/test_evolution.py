"""Old schemas read what new ones wrote, and new ones what old ones wrote, for every type of every file."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import callosum
from callosum.errors import DecodeError
from callosum.upper.thrift.codec import codec_of
from callosum.upper.thrift.compiled import CompiledEncoding
from callosum.upper.thrift.spec import StructType
from tests.interop.apache import golden, ours
from tests.interop.catalogue import FILES, OWN, TEST_TIMEOUT, IdlFile
from tests.interop.expecting import Unreadable, drawn, received
from tests.interop.rewriting import NEW_MEMBER, Version, rewritten
from tests.interop.tally import tally
from tests.interop.test_values import BOUNDED, COMPILED, WITH_STRUCTS, assert_is

pytestmark = pytest.mark.timeout(TEST_TIMEOUT)


@pytest.mark.parametrize("file", FILES, ids=str)
def test_a_file_that_is_written_anew_is_the_same(file: IdlFile, versions: Path) -> None:
    same = rewritten(file, Version.SAME, versions)
    assert ours(same) == golden(file)
    for one, other in zip(file.services, same.services, strict=True):
        assert callosum.service_of(one).methods.keys() == callosum.service_of(other).methods.keys()


@pytest.mark.parametrize("file", [one for one in WITH_STRUCTS if one.defined], ids=str)
def test_versions_read_one_another(file: IdlFile, versions: Path) -> None:
    """Those of arguments and results do so in test_calls."""
    every = [rewritten(file, version, versions).defined for version in Version]
    kinds = [[StructType(one[name]) for one in every] for name in file.defined]

    @BOUNDED
    @given(st.integers(0, 2**32))
    def check(seed: int) -> None:
        for versions_of_one in kinds:
            for writer in versions_of_one:
                value = drawn(writer, random.Random(seed))
                bodies = [(one, one.codec_of(writer.cls).encode(value)) for one in COMPILED]
                for reader in versions_of_one:
                    if reader is not writer:
                        check_reader(file, writer, value, reader, bodies)

    check()


def check_reader(
    file: IdlFile, writer: StructType, value: Any, reader: StructType, bodies: list[tuple[CompiledEncoding, bytes]]
) -> None:
    try:
        expected = received(reader, writer, value)
    except Unreadable as error:
        for encoding, body in bodies:
            with pytest.raises(DecodeError, match=f"a union has exactly one field set, and {error} has none"):
                encoding.codec_of(reader.cls).decode(body)
        tally(file, "refused")
    else:
        for encoding, body in bodies:
            assert_is(reader, encoding.codec_of(reader.cls).decode(body), expected)
        tally(file, "evolved")


def test_a_member_that_is_newer_keeps_its_number(versions: Path) -> None:
    words = IdlFile(OWN)
    newer = rewritten(words, Version.NEWER, versions).module
    body = codec_of(newer.Cls).encode(newer.Cls(type=newer.Words[NEW_MEMBER]))
    found = codec_of(words.module.Cls).decode(body).type
    assert isinstance(found, words.module.Words)
    assert found.name == f"UNKNOWN_{newer.Words[NEW_MEMBER]}"
