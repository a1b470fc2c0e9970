"""Fingerprints: text by which two sides see whether they have the same interface, and where not, what differs.

The first word is a digest of the whole. Behind it may stand the number of a form, and in the form 1 a word for each
method, sorted: its name, a digest of its arguments, and one of its result and exceptions, or ``-`` where it is oneway;
where it streams, the mode too.

    <SHA-256 in hex> 1 poke:3a0c5d11:- say:91b2c3d4:0e5f6a7b tail:77aa01c2:5b5b5b01:server

Laws: a text of any other form is one whole, equal or not. Whatever a stranger sends can be read, in bounded time.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

_FORM: Final = "1"
_NO_ANSWER: Final = "-"
_WHOLE: Final = re.compile(r"[0-9a-f]{64}")
_NAME: Final = re.compile(r"[\w.$/-]{1,255}")
_METHOD: Final = re.compile(
    rf"({_NAME.pattern}):([0-9a-f]{{8}}):([0-9a-f]{{8}}|{_NO_ANSWER})(?::(server|client|bidi))?"
)
_SHOWN: Final = 12
"""Names of methods that a message lists; of more it says how many."""


class MethodText(NamedTuple):
    """One method as an IDL layer writes it down: equal texts where both sides understand each other."""

    arguments: str
    answer: str | None
    """The result and the declared exceptions; None where the method is oneway."""
    mode: str = ""
    """How it streams: ``server``, ``client`` or ``bidi``; empty where it does not."""


class MethodDigest(NamedTuple):
    """The same, as it travels."""

    arguments: str
    answer: str
    mode: str = ""
    """As above."""


def write_fingerprint(whole: str, methods: Mapping[str, MethodText]) -> str:
    """The fingerprint of a service.

    A name that no identifier could have would spoil the form; then there is the digest of the whole alone.

    Args:
        whole: All of its interface that both sides must agree on, as text.
        methods: The same of each method, by name.
    """
    digest = hashlib.sha256(whole.encode()).hexdigest()
    if not methods or not all(_NAME.fullmatch(name) for name in methods):
        return digest
    words = [_word(name, method) for name, method in sorted(methods.items())]
    return " ".join([digest, _FORM, *words])


def _word(name: str, method: MethodText) -> str:
    answer = _NO_ANSWER if method.answer is None else _short(method.answer)
    return f"{name}:{_short(method.arguments)}:{answer}" + (f":{method.mode}" if method.mode else "")


def _short(text: str) -> str:
    """Enough to tell versions of one method apart: it only explains what the digest of the whole has found."""
    return hashlib.sha256(text.encode()).hexdigest()[:8]


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """A fingerprint that was read."""

    whole: str
    methods: Mapping[str, MethodDigest] | None = None
    """None where the text does not say."""


def read_fingerprint(text: str) -> Fingerprint:
    """What a text says; any text can be read."""
    whole, *rest = text.split(" ")
    if not _WHOLE.fullmatch(whole):
        return Fingerprint(text)
    if rest[:1] != [_FORM]:  # what a later form begins with is the digest of the whole, too
        return Fingerprint(whole)
    words = [_METHOD.fullmatch(word) for word in rest[1:]]
    if not words or not all(words):
        return Fingerprint(whole)
    return Fingerprint(
        whole, {word[1]: MethodDigest(word[2], word[3], word[4] or "") for word in words if word is not None}
    )


def whole_of(text: str) -> str:
    """A fingerprint without its details, where there are too many of them."""
    return read_fingerprint(text).whole


@dataclass(frozen=True, slots=True)
class Difference:
    """How the other side's version of a service differs from this side's. Methods have their names of the IDL.

    Where nothing is listed the other side does not say what it is.
    """

    service: str
    is_served: bool = True
    """Whether the other side serves it at all."""
    missing: tuple[str, ...] = ()
    """Methods that the other side lacks."""
    arguments: tuple[str, ...] = ()
    """Methods whose arguments differ."""
    answers: tuple[str, ...] = ()
    """Methods whose result or exceptions differ."""
    oneway: tuple[str, ...] = ()
    """Methods that have an answer at one side and none at the other."""
    streams: tuple[str, ...] = ()
    """Methods that stream in another mode, or at one side alone."""
    added: tuple[str, ...] = ()
    """Methods that only the other side has. They alone are no difference: it is newer, and no call fails."""

    def __str__(self) -> str:
        if not self.is_served:
            return f"the other side does not serve {self.service}"
        said = [
            f"{text} {_list(names)}"
            for text, names in (
                ("it lacks", self.missing),
                ("other arguments:", self.arguments),
                ("another result or other exceptions:", self.answers),
                ("oneway at one side alone:", self.oneway),
                ("streams in another way:", self.streams),
                ("it also has", self.added),
            )
            if names
        ]
        return f"the other side has another version of {self.service}: " + (
            "; ".join(said) or "it does not say in which of its methods"
        )


def _list(names: tuple[str, ...]) -> str:
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")


def find_difference(service: str, ours: str, theirs: str | None) -> Difference | None:
    """How two versions of a service differ for who calls it, or None where they do not.

    Args:
        service: Its name.
        ours: The fingerprint of the calling side.
        theirs: That of the serving side, None where that does not serve it; where it is empty it says nothing.
    """
    if theirs is None:
        return Difference(service, is_served=False)
    here, there = read_fingerprint(ours), read_fingerprint(theirs)
    if not theirs or here.whole == there.whole:
        return None
    if here.methods is None or there.methods is None:
        return Difference(service)
    return _of_methods(service, here.methods, there.methods)


def _of_methods(service: str, here: Mapping[str, MethodDigest], there: Mapping[str, MethodDigest]) -> Difference | None:
    both = [(name, here[name], there[name]) for name in here if name in there]
    answers = [(name, own.answer, other.answer) for name, own, other in both if own.answer != other.answer]
    missing = _names(name for name in here if name not in there)
    added = _names(name for name in there if name not in here)
    arguments = _names(name for name, own, other in both if own.arguments != other.arguments)
    streams = _names(name for name, own, other in both if own.mode != other.mode)
    if added and not (missing or arguments or answers or streams):
        return None
    return Difference(
        service,
        missing=missing,
        arguments=arguments,
        answers=_names(name for name, *two in answers if _NO_ANSWER not in two),
        oneway=_names(name for name, *two in answers if _NO_ANSWER in two),
        streams=streams,
        added=added,
    )


def _names(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(names))
