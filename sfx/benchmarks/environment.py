"""What a measurement was taken on: without it a figure means nothing."""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import platform
from pathlib import Path

from sfx.engines.processor import cpu_features, cpu_name

_PACKAGES = ("sfx", "numpy", "openvino", "onnxruntime", "onnxruntime-gpu", "torch")


def usable_cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def memory_gb() -> float | None:
    """Installed memory in gigabytes, where the system tells."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    except (AttributeError, ValueError, OSError):
        return None


def peak_rss_mb() -> float:
    """Largest resident memory of this process so far, in megabytes."""
    import resource
    import sys

    # Linux's getrusage carries the parent's peak over into a child process; the status file does not.
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024 / 1e6
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Linux counts kilobytes, macOS bytes.
    return peak / 1e6 if sys.platform == "darwin" else peak / 1e3


def rss_mb() -> float | None:
    """Resident memory of this process now, in megabytes, where the system tells."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024 / 1e6
    return None


def describe() -> dict[str, object]:
    """Processor, memory, system and versions, as they stand in a report."""
    versions = {}
    for package in _PACKAGES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            versions[package] = importlib.metadata.version(package)
    return {
        "cpu": cpu_name(),
        "cores": usable_cores(),
        "features": list(cpu_features()),
        "memory_gb": memory_gb(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "packages": versions,
        "load_average": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
    }
