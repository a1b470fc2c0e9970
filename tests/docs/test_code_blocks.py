"""Every Python block of the README and of docs/ runs, in the order of its page, in a folder of its own.

The conventions of a page, all visible in its source:

- A block of any language whose first line is a comment with a file's name (``# server.py``, ``// echo.thrift``) is
  written to that file.
- A Python block with a file's name is also run as a program and must exit with 0. Where the fence says ``python
  server`` it is started and stays until the page ends (then it gets a SIGTERM and must exit with 0), where it says
  ``python module`` it is only written, for later blocks to import.
- A Python block without a file's name runs in the namespace of the page; ``await``, ``async with`` and ``async for``
  may stand at its top level.
- ``<!-- python`` ... ``-->`` is such a block that readers do not see: it makes what the page talks about.
- A block ``text output`` is what the program before it printed.
- The port 5030 of the pages is replaced by a free one.
"""

from __future__ import annotations

import ast
import asyncio
import inspect
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
PORT = "5030"
BLOCK = re.compile(
    r"^(?P<indent> *)```(?P<info>[^\n`]*)\n(?P<code>.*?)^(?P=indent)```[ ]*$"
    r"|^<!-- (?P<hidden>python)\n(?P<rest>.*?)^-->$",
    re.MULTILINE | re.DOTALL,
)
FILE_NAME = re.compile(r"(?:#|//) ([\w./-]+\.\w+)$")
ROLES = {"", "server", "module"}


@dataclass(frozen=True)
class Block:
    """One fenced block."""

    line: int
    language: str
    role: str
    code: str
    file: str | None


def blocks(page: str) -> Iterator[Block]:
    """The blocks of a page, in order."""
    for match in BLOCK.finditer(page):
        line = page.count("\n", 0, match.start()) + 1
        code = match["code"] if match["hidden"] is None else match["rest"]
        if indent := match["indent"]:
            code = re.sub(f"^{indent}", "", code, flags=re.MULTILINE)
        language, _, role = (match["hidden"] or match["info"]).partition(" ")
        named = FILE_NAME.match(code.partition("\n")[0])
        yield Block(line, language, role.strip(), code, named[1] if named else None)


class Page:
    """Runs the blocks of one page."""

    def __init__(self, name: str, folder: Path, exits: ExitStack) -> None:
        self._name = name
        self._folder = folder
        self._exits = exits
        self._namespace: dict[str, Any] = {"__name__": "__page__"}
        self._printed = ""

    async def run(self, block: Block) -> None:
        """Do with a block what the conventions say."""
        if block.language == "python":
            assert block.role in ROLES, f"{self._name}:{block.line}: unknown role {block.role!r}"
            assert block.file or not block.role, f"{self._name}:{block.line}: a {block.role} needs a file's name"
        if block.file:
            self._write(block)
        if block.language == "python" and not block.file:
            await self._execute(block)
        elif block.language == "python" and block.role == "server":
            await asyncio.to_thread(self._start, block)
        elif block.language == "python" and not block.role:
            await asyncio.to_thread(self._program, block)
        elif (block.language, block.role) == ("text", "output"):
            assert self._printed.split() == block.code.split(), f"{self._name}:{block.line}: it printed {self._printed}"

    def _write(self, block: Block) -> None:
        assert block.file is not None
        path = self._folder / block.file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(block.code)

    async def _execute(self, block: Block) -> None:
        source = "\n" * block.line + block.code
        code = compile(source, self._name, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
        result = eval(code, self._namespace)
        if inspect.iscoroutine(result):
            async with asyncio.timeout(20):
                await result

    def _program(self, block: Block) -> None:
        assert block.file is not None
        command = [sys.executable, block.file]
        run = subprocess.run(command, cwd=self._folder, capture_output=True, text=True, timeout=30, check=False)
        assert run.returncode == 0, f"{self._name}:{block.line}: {block.file} failed\n{run.stdout}{run.stderr}"
        self._printed = run.stdout

    def _start(self, block: Block) -> None:
        assert block.file is not None
        port = re.search(r"127\.0\.0\.1:(\d+)", block.code)
        server = subprocess.Popen([sys.executable, block.file], cwd=self._folder)
        self._exits.callback(self._end, server, f"{self._name}:{block.line}: {block.file}")
        end = time.monotonic() + 20
        while port and server.poll() is None and time.monotonic() < end:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", int(port[1]))) == 0:
                    return
            time.sleep(0.05)
        assert server.poll() is None, f"{self._name}:{block.line}: {block.file} ended with {server.returncode}"

    @staticmethod
    def _end(server: subprocess.Popen[bytes], what: str) -> None:
        server.terminate()
        try:
            status = server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
            raise
        assert status == 0, f"{what} ended with {status} after a SIGTERM"


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def run_page(name: str, text: str, folder: Path) -> None:
    """Run all blocks of a page in the folder, which is the current one."""
    text = text.replace(f":{PORT}", f":{free_port()}")

    async def run_all(exits: ExitStack) -> None:
        page = Page(name, folder, exits)
        for block in blocks(text):
            await page.run(block)

    with ExitStack() as exits:
        asyncio.run(run_all(exits))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The current folder, from which a page's modules can be imported, and are forgotten afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    for name, module in list(sys.modules.items()):
        path = getattr(module, "__file__", None)
        if path and Path(path).is_relative_to(tmp_path):
            del sys.modules[name]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_the_code_of_a_page_runs(page: Path, folder: Path) -> None:
    run_page(page.name, page.read_text(), folder)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_no_python_block_is_overlooked(page: Path) -> None:
    """Whatever a reader sees as a Python block is one that the test above ran: `py`, `python3`, `~~~` would not be."""
    text = page.read_text()
    fences = re.findall(r"^ *(?:```|~~~) *([^\s`]*)", text, re.MULTILINE)
    assert not {"py", "python3", "pycon", "Python"} & set(fences)
    assert "~~~" not in text
    assert fences.count("python") == sum(b.language == "python" for b in blocks(text)) - text.count("<!-- python\n")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_within_the_repository_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text()):
        if "://" not in target and not target.startswith("mailto:"):
            elsewhere = ROOT / "callosum"  # the tests also run where only the wheel is: there, some files are missing
            assert (page.parent / target).exists() or not elsewhere.is_dir(), f"{page.name} links to {target}"


GOOD_PAGE = """
```python module
# shop.py
PRICE = 7
```

<!-- python
hidden = 35
-->

```python
import asyncio
import shop

await asyncio.sleep(0)
total = hidden + shop.PRICE
```

```python
assert total == 42
```

- In a list:

  ```python
  # program.py
  import shop
  print("the price is", shop.PRICE)
  ```

  ```text output
  the price is 7
  ```

```python server
# server.py
import signal, socket, sys
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
with socket.create_server(("127.0.0.1", 5030 + 0)) as server:
    while True:
        server.accept()[0].close()      # tcp://127.0.0.1:5030
```
"""


def test_a_page_runs_by_the_conventions(folder: Path) -> None:
    page = GOOD_PAGE.replace("5030 + 0", "int(':5030'[1:])")
    run_page("good", page, folder)
    assert sorted(path.name for path in folder.glob("*.py")) == ["program.py", "server.py", "shop.py"]


@pytest.mark.parametrize(
    ("page", "message"),
    [
        ("```python\nassert 1 == 2, 'unequal'\n```\n", "unequal"),
        ("```python\n# a.py\nraise SystemExit(3)\n```\n", "a.py failed"),
        ("```python\n# a.py\nprint(1)\n```\n```text output\n2\n```\n", "it printed 1"),
        ("```python later\nx = 1\n```\n", "unknown role 'later'"),
        ("```python server\nx = 1\n```\n", "needs a file's name"),
        ("```python server\n# s.py\nimport time\ntime.sleep(9)\n```\n", "after a SIGTERM"),
    ],
)
def test_a_page_whose_code_is_wrong_fails(page: str, message: str, folder: Path) -> None:
    with pytest.raises(AssertionError) as failure:
        run_page("bad", page, folder)
    assert message in str(failure.value)
