"""All rules that there are, and which of them are looked for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from callosum.errors import ConfigurationError
from callosum_codegen.breaking.rules import RULES as BREAKING
from callosum_codegen.findings import Rule
from callosum_codegen.lint.rules import RULES as LINT
from callosum_codegen.settings import TABLE, Settings, did_you_mean

_KNOWN = frozenset(one.name for one in (*BREAKING, *LINT))


@dataclass(frozen=True, slots=True)
class Switches:
    """Which rules somebody switched off and on."""

    ignore: frozenset[str]
    enable: frozenset[str]

    @classmethod
    def of(cls, settings: Settings, ignore: Iterable[str] = (), enable: Iterable[str] = ()) -> Switches:
        """What pyproject.toml says, and what the command line says, which is the stronger.

        Raises:
            ConfigurationError: One of the rules is not there.
        """
        ignore, enable = frozenset(ignore), frozenset(enable)
        _check(ignore, "--ignore")
        _check(enable, "--enable")
        _check(settings.ignore, f"{settings.path}: ignore of [{TABLE}]")
        _check(settings.enable, f"{settings.path}: enable of [{TABLE}]")
        return cls(settings.ignore - enable | ignore, settings.enable | enable)

    def has(self, rule: Rule) -> bool:
        """Whether a rule is looked for."""
        return rule.name not in self.ignore and (rule.is_on or rule.name in self.enable)


def _check(names: frozenset[str], where: str) -> None:
    for name in sorted(names - _KNOWN):
        raise ConfigurationError(f"{where}: there is no rule {name!r}: {did_you_mean(name, _KNOWN)}")
