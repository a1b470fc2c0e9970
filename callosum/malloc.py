"""What the C library's allocator is told about large blocks.

A fresh page costs more than copying one: the kernel zeroes it and maps it, and in a virtual machine that is 1 to 3 µs
for 4 KiB. glibc gives blocks above a threshold back to the kernel when they are freed, and gets new pages for the next.
The threshold follows the largest block that was given back in this way (``mallopt(3)``, M_MMAP_THRESHOLD), and a
process in which bodies of 1 MiB come and go side by side pays for new pages until one was large enough.
"""

from __future__ import annotations

import ctypes
from functools import cache
from typing import Final

MIB: Final = 1024 * 1024
LARGE_BLOCK: Final = 16 * MIB
"""As many bytes of bodies as one peer may have under way by default."""
_M_TRIM_THRESHOLD: Final = -1
_M_MMAP_THRESHOLD: Final = -3


@cache
def expect_large_blocks() -> None:
    """Let malloc see once that a large block comes and goes, as any program does that frees an array of this size.

    From then on it keeps up to twice as much for the next large blocks, instead of giving it back and getting it anew.
    No page of the block is touched. Other C libraries than glibc take no notice.
    """
    bytes(LARGE_BLOCK)


def tune_malloc(largest: int = 32 * MIB, keep: int = 256 * MIB) -> bool:
    """Have the process keep the memory of large bodies, for programs in which many are under way.

    Call it once, at the start. It sets M_MMAP_THRESHOLD and M_TRIM_THRESHOLD of ``mallopt(3)`` for the whole process,
    whatever allocates there.

    Args:
        largest: Bytes up to which a block is kept for reuse when it is freed. glibc takes at most 32 MiB.
        keep: Bytes of free memory that the process keeps, at most, at the end of each heap.

    Returns:
        Whether the C library took both. One that is not glibc does not.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    return all([mallopt(_M_MMAP_THRESHOLD, largest), mallopt(_M_TRIM_THRESHOLD, keep)])
