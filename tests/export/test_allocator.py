"""A process that keeps what it frees: told by the pages that the system has to hand it."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

ROUNDS = 10
MEGABYTES = 100
PROGRAM = f"""
import resource, sys
import numpy as np
from sfx.export.allocator import keep_freed_memory

if sys.argv[1] == "keep":
    assert keep_freed_memory()

def fault_count():
    for _ in range({ROUNDS}):
        np.empty({MEGABYTES} << 20, np.uint8).fill(1)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

print(-fault_count() + fault_count())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc's allocator can be told")
def test_memory_that_was_freed_is_used_again() -> None:
    def faults(way: str) -> int:
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, way], capture_output=True, text=True, check=True
        )
        return int(done.stdout)

    # 2 MB pages, where the system gives them, are the fewest faults that memory obtained anew can cost.
    assert faults("keep") < ROUNDS * MEGABYTES // 2 // 10
    assert faults("leave") >= ROUNDS * MEGABYTES // 2
