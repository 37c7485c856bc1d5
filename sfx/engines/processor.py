"""What the system says about the processor."""

from __future__ import annotations

import contextlib
import platform
from pathlib import Path

_CPUINFO = Path("/proc/cpuinfo")
_FEATURES = ("avx2", "avx512f", "avx512_bf16", "avx512_vnni", "amx_bf16", "amx_int8")


def cpu_name() -> str:
    """The processor's name as the system gives it."""
    return _cpu_field("model name") or platform.processor() or platform.machine()


def cpu_features() -> tuple[str, ...]:
    """Instruction sets that decide the speed of a network; none where the system does not tell."""
    flags = (_cpu_field("flags") or "").split()
    return tuple(feature for feature in _FEATURES if feature in flags)


def _cpu_field(name: str) -> str | None:
    with contextlib.suppress(OSError):
        for line in _CPUINFO.read_text().splitlines():
            key, _, value = line.partition(":")
            if key.strip() == name:
                return value.strip()
    return None
