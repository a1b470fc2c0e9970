"""Whether a transport keeps the contract of a lower layer: `check_lower`, one line in a test of yours."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from callosum.lower.base import LowerLayer
from callosum.testing.lower_kit import delivery, dialling, endings, pressure
from callosum.testing.lower_kit.link import Link, MakeLink, tcp_link
from callosum.testing.lower_kit.trial import Cannot, Check, Subject, run

__all__ = ["Cannot", "Link", "check_lower", "tcp_link"]

_CHECKS: Final = (*dialling.CHECKS, *delivery.CHECKS, *pressure.CHECKS, *endings.CHECKS)
_CHECKS_OF_A_LINK: Final = (
    *dialling.CHECKS_OF_A_LINK,
    *pressure.CHECKS_OF_A_LINK,
    *endings.CHECKS_OF_A_LINK,
)


def check_lower(
    layer: LowerLayer,
    address: str,
    *,
    auth: object = None,
    link: MakeLink | None = None,
    cannot: Cannot = Cannot.NOTHING,
) -> type:
    """A class of tests, one for each thing that the contract asks of a transport.

    ::

        TestToy = check_lower(ToyLayer(), "toy://127.0.0.1:0", link=tcp_link)

    The tests are plain methods, each with an event loop of its own: pytest collects them, and needs no plugin for it.
    One that fails quotes the sentence of `callosum.lower.base` that is broken, and says what was seen.

    Args:
        layer: What is checked.
        address: Where it listens in the tests. ``{n}`` stands for a number that is new each time; a port 0 is as good.
        auth: For listeners and connectors.
        link: Makes a link that can be cut and frozen, for a layer over a network: `tcp_link` for one over TCP. Without
            it, the tests that need one are not in the class.
        cannot: What this layer rightly cannot do. The tests of that are skipped, and the report says why.
    """
    subject = Subject(layer, address, auth, link, cannot)
    checks = _CHECKS if link is None else (*_CHECKS, *_CHECKS_OF_A_LINK)
    tests: dict[str, Any] = {f"test_{check.__name__}": _test(subject, check) for check in checks}  # a class's namespace
    return type("TestLower", (), {"__doc__": f"{type(layer).__name__} at {address}.", **tests})


def _test(subject: Subject, check: Check) -> Callable[[object], None]:
    def test(_: object) -> None:
        run(subject, check)

    test.__doc__ = check.__doc__
    return test
