"""What the C library does with memory that was freed, which training on a CPU depends on.

Every step frees and asks for the same few hundred large tensors. By default glibc gives those back to the system and
gets them anew, page by page and zeroed: of six convolutions over (16, 16, 256, 256), forward and backward, that took
2.7 of 5.2 seconds, and of a whole training step of the demo a sixth.
"""

from __future__ import annotations

import ctypes
import platform

_M_TRIM_THRESHOLD, _M_MMAP_MAX, _M_ARENA_MAX = -1, -4, -8
"""Parameters of `mallopt`, from glibc's malloc.h."""
_NEVER = 2**31 - 1


def keep_freed_memory() -> bool:
    """Let this process keep what it frees for what it asks for next; False where the C library is not glibc.

    Its memory then stays at the most it ever needed. One arena serves all threads, since torch frees on the thread of
    the backward pass what the forward pass asked for.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    library = ctypes.CDLL(None)
    settings = ((_M_MMAP_MAX, 0), (_M_TRIM_THRESHOLD, _NEVER), (_M_ARENA_MAX, 1))
    return all(library.mallopt(name, value) == 1 for name, value in settings)
