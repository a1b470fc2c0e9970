"""``callosum.reserved = "3,5-7,oldname"``: ids and names that no field may have again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from callosum.upper.thrift.idl.model import Annotations, Field, value_of

_LARGEST = 2**15 - 1


@dataclass(frozen=True, slots=True)
class Reserved:
    """What is reserved in a struct."""

    ids: frozenset[int] = frozenset()
    names: frozenset[str] = frozenset()

    @classmethod
    def of(cls, annotations: Annotations) -> Reserved:
        """What the annotations of a struct reserve."""
        ids: set[int] = set()
        names: set[str] = set()
        for part in (value_of(annotations, "callosum.reserved") or "").split(","):
            low, dash, high = (one.strip() for one in part.partition("-"))
            if low.isdecimal() and (not dash or high.isdecimal()):
                ids.update(range(int(low), min(int(high or low), _LARGEST) + 1))
            elif part.strip():
                names.add(part.strip())
        return cls(frozenset(ids), frozenset(names))

    def has(self, field: Field) -> bool:
        """Whether a field may not be."""
        return field.id in self.ids or field.name in self.names


NOTHING: Final = Reserved()


def ranges_text(ids: frozenset[int]) -> str:
    """``3, 5-7``."""
    texts: list[str] = []
    for ident in sorted(ids):
        if ident - 1 in ids:
            start = texts[-1].partition("-")[0]
            texts[-1] = f"{start}-{ident}"
        else:
            texts.append(str(ident))
    return ", ".join(texts)
