"""What glibc's malloc does with large blocks: by default it gives each back to the kernel, which costs page faults."""

from __future__ import annotations

import ctypes
import ctypes.util

M_TRIM_THRESHOLD = -1
M_MMAP_THRESHOLD = -3
LARGE = 64 * 1024 * 1024
NEVER = -1


def tune_malloc() -> bool:
    """Keep blocks of up to 64 MiB in this process once they are freed. False where malloc is not glibc's."""
    library = ctypes.CDLL(ctypes.util.find_library("c"))
    if not hasattr(library, "mallopt"):
        return False
    return bool(library.mallopt(M_MMAP_THRESHOLD, LARGE)) and bool(library.mallopt(M_TRIM_THRESHOLD, NEVER))
