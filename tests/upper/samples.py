"""A service with every type of its IDL, for each IDL layer of callosum's own."""

from __future__ import annotations

import enum
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypedDict

import msgspec

from callosum.testing import Evolution, StreamSample, UpperSample
from callosum.upper import json, thrift

IDL = Path(__file__).parent / "idl"


def thrift_sample() -> UpperSample:
    """That of `sample.thrift`."""
    sample: Any = thrift.load(str(IDL / "sample.thrift"))
    tree = sample.Tree(children=[sample.Tree(children=[], marks={}, colour=2)], marks={"a": {1, 2}}, colour=1)
    two = sample.Shape(point=sample.Point(x=0.0, y=0.0))
    two.tree = tree  # its __init__ would not take both
    return UpperSample(
        service=sample.Sample,
        echoes={
            "truth": [True, False],
            "small": [-128, 127],
            "short_": [-(2**15), 2**15 - 1],
            "number": [-(2**31), 0, 2**31 - 1],
            "long_": [-(2**63), 2**63 - 1],
            "real": [0.0, -1.5, float("inf"), 5e-324],
            "text": ["", "grüße, 世界\x00", "x" * 100_000],
            "data": [b"", bytes(range(256))],
            "numbers": [[], list(range(300))],
            "words": [set(), {"a", "b"}],
            "table": [{}, {"p": sample.Point(x=1.0, y=2.0), "q": sample.Point(x=1.0, y=2.0, label="l")}],
            "colour": [sample.Colour.RED],
            "point": [sample.Point(x=0.0, y=1.0), sample.Point(x=0.0, y=1.0, label="")],
            "tree": [tree, sample.Tree(children=[tree] * 5, marks={}, colour=sample.Colour.GREEN)],
            "shape": [sample.Shape(point=sample.Point(x=0.0, y=0.0)), sample.Shape(tree=tree)],
            "with_options": ["x"],
            "await": ["x"],
            "_peer": ["x"],
        },
        wrong={
            "truth": [1, "true"],
            "small": [128, True],
            "number": [2**31, 1.0, "1"],
            "long_": [2**63],
            "real": ["1.0"],
            "text": [b"x", 1, "\ud800"],
            "data": ["x"],
            "numbers": [[1, "2"], 5],
            "words": [{1}],
            "table": [{"p": None}, {1: sample.Point(x=1.0, y=2.0)}],
            "colour": ["RED"],
            "point": [sample.Point(1.0, None), tree],
            "shape": [sample.Shape(), two],
        },
        failing="fail",
        declared=[sample.Refused(reason="no", code=7), sample.Refused(reason=""), sample.Outcomes(outcome="bad")],
        oneway="note",
        sent="noted",
        evolutions=[_thrift_evolution()],
        streams=[
            StreamSample(
                method="tail",
                arguments=["job", 2],
                results=[sample.Point(x=1.0, y=2.0), sample.Point(x=0.0, y=0.0, label="l")],
                declared=[sample.Refused(reason="no", code=7)],
            ),
            StreamSample(
                method="upload",
                arguments=["name", sample.Colour.GREEN],
                items=[b"", bytes(range(256)), b"x" * 100_000],
                results=[-1, 2**63 - 1],
                wrong_items=["text", 1, None],
                declared=[sample.Refused(reason="")],
            ),
            StreamSample(
                method="talk",
                arguments=[-1],
                items=[sample.Point(x=0.0, y=1.0)],
                results=[sample.Shape(tree=tree)],
                wrong_items=[sample.Point(1.0, None), tree, None],
                declared=[sample.Refused(reason="no"), sample.Outcomes(outcome="bad")],
            ),
        ],
    )


def _thrift_evolution() -> Evolution:
    older: Any = thrift.load(str(IDL / "older.thrift"))
    newer: Any = thrift.load(str(IDL / "newer.thrift"))
    return Evolution(
        older=older.Versions,
        newer=newer.Versions,
        method="put",
        forward=[(older.Item(name="a", count=3), newer.Item(name="a", count=3))],
        backward=[
            (newer.Item(name="a", count=3, extra=newer.Extra(notes=["x"]), unit="km"), older.Item(name="a", count=3)),
        ],
    )


class Colour(enum.Enum):
    RED = "red"
    GREEN = "green"


@dataclass
class Point:
    x: float
    y: float
    label: str | None = None


class Tree(msgspec.Struct):
    children: list[Tree]
    marks: dict[str, set[int]] = {}


class Options(TypedDict, total=False):
    width: int


class Pair(NamedTuple):
    left: int
    right: str


@dataclass
class Refused(Exception):
    reason: str
    code: int | None = None


@dataclass
class Outcomes(Exception):
    outcome: str


class Gone(Exception):
    pass


@json.service
class Sample(Protocol):
    async def truth(self, value: bool) -> bool: ...
    async def number(self, value: int) -> int: ...
    async def real(self, value: float) -> float: ...
    async def text(self, value: str) -> str: ...
    async def data(self, value: bytes) -> bytes: ...
    async def moment(self, value: datetime) -> datetime: ...
    async def numbers(self, value: list[int]) -> list[int]: ...
    async def words(self, value: set[str]) -> set[str]: ...
    async def table(self, value: dict[str, Point]) -> dict[str, Point]: ...
    async def colour(self, value: Colour) -> Colour: ...
    async def point(self, value: Point) -> Point: ...
    async def tree(self, value: Tree) -> Tree: ...
    async def options(self, value: Options) -> Options: ...
    async def pair(self, value: Pair) -> Pair: ...
    async def either(self, value: Point | int | None) -> Point | int | None: ...
    async def print(self, value: str) -> str: ...
    @json.raises(Refused, Outcomes, Gone)
    async def fail(self, value: int) -> int: ...
    @json.oneway
    async def note(self, value: str) -> None: ...
    @json.raises(Refused, Gone)
    def tail(self, job: str, count: int = 1) -> AsyncIterator[Point]: ...
    @json.raises(Refused)
    async def upload(self, name: str, chunks: AsyncIterable[bytes], colour: Colour) -> int: ...
    def talk(self, said: AsyncIterable[Point | None]) -> AsyncGenerator[Pair, None]: ...


@dataclass
class OldItem:
    name: str
    count: int = 1


@dataclass
class NewItem:
    name: str
    count: int = 1
    notes: list[str] = field(default_factory=list)
    unit: str = "m"


@json.service(name="Versions")
class Older(Protocol):
    async def put(self, value: OldItem) -> OldItem: ...


@json.service(name="Versions")
class Newer(Protocol):
    async def put(self, value: NewItem, force: bool = False) -> NewItem: ...


def json_sample() -> UpperSample:
    """That of `Sample` above."""
    tree = Tree([Tree([])], {"a": {1, 2}})
    return UpperSample(
        service=Sample,
        echoes={
            "truth": [True, False],
            "number": [0, -(2**63), 2**100],
            "real": [0.0, -1.5, 5e-324],
            "text": ["", "grüße, 世界\x00", "x" * 100_000],
            "data": [b"", bytes(range(256))],
            "moment": [datetime(2026, 11, 24, tzinfo=UTC)],
            "numbers": [[], list(range(300))],
            "words": [set(), {"a", "b"}],
            "table": [{}, {"p": Point(1.0, 2.0), "q": Point(1.0, 2.0, "l")}],
            "colour": [Colour.RED],
            "point": [Point(0.0, 1.0), Point(0.0, 1.0, "")],
            "tree": [tree, Tree([tree] * 5)],
            "options": [{}, {"width": 1}],
            "pair": [Pair(1, "x")],
            "either": [Point(1.0, 2.0), 1, None],
            "print": ["x"],
        },
        wrong={
            "truth": [1, None],
            "number": [1.5, "1", None, True],
            "real": ["1.0", float("nan")],
            "text": [1, "\ud800"],
            "data": ["!"],
            "numbers": [[1, "2"], 5],
            "words": [{1}],
            "table": [{"p": None}],
            "colour": ["blue"],
            "point": [tree, Point(1.0, "y")],  # type: ignore[arg-type]
            "options": [{"width": "wide"}],
            "either": ["x"],
        },
        failing="fail",
        declared=[Refused("no", 7), Refused(""), Outcomes("bad"), Gone("away"), Gone()],
        oneway="note",
        sent="noted",
        evolutions=[
            Evolution(
                older=Older,
                newer=Newer,
                method="put",
                forward=[(OldItem("a", 3), NewItem("a", 3))],
                backward=[(NewItem("a", 3, ["x"], "km"), OldItem("a", 3))],
            )
        ],
        streams=[
            StreamSample(
                method="tail",
                arguments=["job", 2],
                results=[Point(1.0, 2.0), Point(0.0, 0.0, "l")],
                declared=[Refused("no", 7), Gone("away")],
            ),
            StreamSample(
                method="upload",
                arguments=["name", Colour.GREEN],
                items=[b"", bytes(range(256))],
                results=[-1, 2**100],
                wrong_items=["!", 1, None],
                declared=[Refused("")],
            ),
            StreamSample(
                method="talk",
                items=[Point(0.0, 1.0), None],
                results=[Pair(1, "x")],
                wrong_items=[tree, 7],
            ),
        ],
    )
