from __future__ import annotations

from pathlib import Path

import pytest

from tests.codegen.running import run, write

SHARED = """
/** What went wrong. */
exception Failed { 1: string why }
/** Whether one is there. */
service Base {
  /** Answers. */
  void ping()
}
"""
SHOP = """/** All about the shop.

More of it. */
namespace py shop
include "shared.thrift"

/** What something costs. */
typedef i64 Cents
const i32 LIMIT = 0x10
enum Size { SMALL = 1, /** For most. */ LARGE = 2 }
/** One thing. */
struct Item {
  /** Its number. */
  1: required i32 id
  2: optional Size size = Size.SMALL
  3: map<string, list<Cents>> prices = {"a": [1, 2]}
} (callosum.reserved = "4")

/** Sells things.

At night, too. */
service Shop extends shared.Base {
  /** Finds one.

  Takes a while. */
  Item find(/** How it is called. */ 1: string name, 2: i32 limit = LIMIT) throws (1: shared.Failed failed)
    (callosum.timeout = "1.5")
  oneway void forget(1: list<Item> items)
}
"""

PAGES = {
    (): """\
shop.thrift
    namespace py shop
    include "shared.thrift"
    All about the shop.

    More of it.

service Shop extends shared.Base
    Sells things.
    void ping()   of shared.Base
        Answers.
    Item find(1: string name, 2: i32 limit = LIMIT) throws (1: shared.Failed failed) (callosum.timeout = "1.5")
        Finds one.
    oneway void forget(1: list<Item> items)

typedef i64 Cents                      What something costs.
const i32 LIMIT = 16
enum Size
struct Item (callosum.reserved = "4")  One thing.
""",
    ("Shop",): """\
service Shop extends shared.Base
    Sells things.

    At night, too.

    void ping()
        of shared.Base
        Answers.

    Item find(1: string name, 2: i32 limit = LIMIT) throws (1: shared.Failed failed) (callosum.timeout = "1.5")
        Finds one.

        Takes a while.

    oneway void forget(1: list<Item> items)
""",
    ("Shop.find",): """\
Item find(1: string name, 2: i32 limit = LIMIT) throws (1: shared.Failed failed) (callosum.timeout = "1.5")
    of Shop
    Finds one.

    Takes a while.

    1: string name
        How it is called.

struct Item (callosum.reserved = "4")
    One thing.
    1: required i32 id
        Its number.
    2: optional Size size = Size.SMALL
    3: map<string, list<Cents>> prices = {"a": [1, 2]}

exception Failed
    What went wrong.
    1: string why
""",
    ("Shop.ping",): "void ping()\n    of Shop\n    Answers.\n",
    ("Item",): """\
struct Item (callosum.reserved = "4")
    One thing.
    1: required i32 id
        Its number.
    2: optional Size size = Size.SMALL
    3: map<string, list<Cents>> prices = {"a": [1, 2]}
""",
    ("Size",): "enum Size\n    SMALL = 1\n    LARGE = 2\n        For most.\n",
    ("Cents",): "typedef i64 Cents\n    What something costs.\n",
    ("LIMIT",): "const i32 LIMIT = 16\n",
    ("shared.Failed",): "exception Failed\n    What went wrong.\n    1: string why\n",
    ("Failed",): "exception Failed\n    What went wrong.\n    1: string why\n",
    ("shared.Base.ping",): "void ping()\n    of Base\n    Answers.\n",
}


@pytest.mark.parametrize(("arguments", "page"), PAGES.items(), ids=str)
def test_a_page(arguments: tuple[str, ...], page: str, folder: Path) -> None:
    write(folder, shop=SHOP, shared=SHARED)
    result = run("describe", "shop.thrift", *arguments)
    assert result.stderr == ""
    assert result.stdout == page


def test_what_is_not_there(folder: Path) -> None:
    write(folder, shop=SHOP, shared=SHARED)
    for name, meant in (("Shop.fnd", "Shop.find"), ("Itme", "Item"), ("Shop.find.x", "Shop.find")):
        result = run("describe", "shop.thrift", name)
        assert result.exit_code == 2
        assert f"shop.thrift: there is no {name}: did you mean {meant}" in result.stderr


def test_every_file_of_others_can_be_described() -> None:
    idl = Path(__file__).parents[2] / "interop" / "idl"
    for path in sorted(idl.rglob("*.thrift")):
        result = run("describe", path)
        assert result.exit_code == 0, result.stderr
        assert result.stdout.startswith(str(path))


def test_streams_are_shown_as_they_are_written(folder: Path) -> None:
    function = 'i32 f(1: string a (other = "x"), 2: i32 b (callosum.stream = "in")) (callosum.stream = "bidi")'
    write(folder, shop=f"service S {{ {function} }}")
    shown = 'i32 f(1: string a, 2: i32 b (callosum.stream = "in")) (callosum.stream = "bidi")'
    assert run("describe", "shop.thrift", "S.f").stdout.splitlines()[0] == shown
    assert shown in run("describe", "shop.thrift").stdout
