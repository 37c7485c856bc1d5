"""`sfx doctor`: what this machine can run and at what precision, what clashes, and the command that fixes it."""

from __future__ import annotations

import importlib.metadata
import platform
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from sfx.engines.cache import cache_directory
from sfx.engines.comparing import POLYGRAPHY
from sfx.engines.cuda import Gpu, driver_present, driver_version
from sfx.engines.locate import find_bundle
from sfx.engines.tensorrt_library import LIBRARIES
from sfx.errors import MissingPackageError, SfxError

MIN_CUDA = (13, 0)
"""The packages that the extras `tensorrt` and `tensorrt-rtx` install are built for CUDA 13."""

Level = str


@dataclass(frozen=True)
class Finding:
    """One thing looked at: `level` is "good", "missing" (optional, not there) or "problem"."""

    subject: str
    level: Level
    found: str
    fix: str = ""
    """The command, or the sentence, that mends it."""


def diagnose() -> list[Finding]:
    """Look at Python, packages, CPU, GPU, TensorRT, cache and bundle."""
    checks: tuple[Callable[[], Iterator[Finding]], ...] = (
        _python,
        _cpu,
        _onnxruntime,
        _gpu,
        _tensorrt,
        _polygraphy,
        _export,
        _cache,
        _bundle,
    )
    return [finding for check in checks for finding in check()]


def print_findings(findings: list[Finding]) -> None:
    """Print the findings as a table, and each fix on a line that can be copied."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    styles = {"good": "green", "missing": "yellow", "problem": "red"}
    table = Table(box=box.SIMPLE)
    for heading in ("", "state", "found"):
        table.add_column(heading, overflow="fold")
    for finding in findings:
        table.add_row(finding.subject, f"[{styles[finding.level]}]{finding.level}[/]", finding.found)
    console = Console()
    console.print(table)
    for finding in findings:
        if finding.fix:
            console.print(
                f"{finding.subject}: {finding.fix}", style=styles[finding.level], markup=False, soft_wrap=True
            )


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _python() -> Iterator[Finding]:
    yield Finding(
        "Python", "good", f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    )


def _cpu() -> Iterator[Finding]:
    from sfx.benchmarks.environment import usable_cores
    from sfx.engines.processor import cpu_name

    version = _version("openvino")
    if version is None:
        yield Finding("OpenVINO on the CPU", "problem", "not installed", "pip install openvino")
        return
    try:
        import openvino

        core = openvino.Core()
        capabilities = core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    except (ImportError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        fix = "pip install --force-reinstall openvino"
        yield Finding("OpenVINO on the CPU", "problem", f"{version}, does not start: {reason}", fix)
        return
    precisions = (
        "fp32, bf16" if "BF16" in capabilities else "fp32 (bf16 needs AVX512_BF16 or AMX instructions)"
    )
    where = f"{cpu_name()}, {usable_cores()} cores"
    yield Finding("OpenVINO on the CPU", "good", f"{version}: {precisions}; {where}")


def _onnxruntime() -> Iterator[Finding]:
    plain, gpu = _version("onnxruntime"), _version("onnxruntime-gpu")
    subject = "ONNX Runtime"
    if plain and gpu:
        fix = (
            f"{Path(sys.executable).name} -m pip uninstall -y onnxruntime onnxruntime-gpu && "
            "pip install 'sfx[onnxruntime-gpu]'   (or 'sfx[onnxruntime]' without a GPU)"
        )
        found = f"onnxruntime {plain} and onnxruntime-gpu {gpu} overwrite each other's files"
        yield Finding(subject, "problem", found, fix)
        return
    if not plain and not gpu:
        yield Finding(subject, "missing", "not installed (optional)", "pip install 'sfx[onnxruntime]'")
        return
    try:
        import onnxruntime

        providers = onnxruntime.get_available_providers()
    except (ImportError, AttributeError) as error:
        distribution = "onnxruntime-gpu" if gpu else "onnxruntime"
        fix = f"pip install --force-reinstall {distribution}"
        yield Finding(subject, "problem", f"{plain or gpu}, does not import: {error}", fix)
        return
    ours = ("CPUExecutionProvider", "CUDAExecutionProvider")
    names = ", ".join(name.removesuffix("ExecutionProvider") for name in ours if name in providers)
    yield Finding(subject, "good", f"{plain or gpu}: fp32 on {names}")


def _gpu() -> Iterator[Finding]:
    subject = "NVIDIA GPU"
    gpu_package = _version("onnxruntime-gpu")
    if not driver_present():
        fix = "pip uninstall -y onnxruntime-gpu && pip install 'sfx[onnxruntime]'" if gpu_package else ""
        yield Finding(subject, "missing", "no driver found; sfx runs on the CPU", fix)
        return
    if _version("cuda-bindings") is None:
        fix = "pip install 'sfx[tensorrt-rtx]'   (RTX cards), or 'sfx[tensorrt]'   (H100 and the like)"
        yield Finding(subject, "missing", "driver found, but no cuda-bindings to ask it with", fix)
        return
    try:
        gpu, newest = Gpu.open(0), driver_version()
    except SfxError as error:
        yield Finding(subject, "problem", str(error), "update the NVIDIA driver")
        return
    runs = f"the driver runs CUDA up to {newest[0]}.{newest[1]}" if newest else "the driver gives no version"
    found = f"{gpu.name}, SM {gpu.capability_text}, {gpu.memory / (1 << 30):.0f} GiB; {runs}"
    if newest is not None and newest < MIN_CUDA:
        fix = f"update the NVIDIA driver to one for CUDA {MIN_CUDA[0]} or newer"
        yield Finding(subject, "problem", found, fix)
    else:
        yield Finding(subject, "good", found)


def _tensorrt() -> Iterator[Finding]:
    for library in LIBRARIES.values():
        subject = f"{library.target} engines"
        try:
            version = library.load().__version__
        except MissingPackageError:
            fix = f"pip install 'sfx[{library.target}]'"
            yield Finding(subject, "missing", "not installed (optional)", fix)
        except SfxError as error:
            supported = ",".join(f"{major}.*" for major in library.majors)
            yield Finding(subject, "problem", str(error), f"install a version that sfx supports: {supported}")
        else:
            compiles = (
                "compiles on any machine"
                if library.target == "tensorrt-rtx"
                else "compiles on the GPU itself"
            )
            runs = "runs here" if driver_present() else "runs where an NVIDIA driver is"
            yield Finding(subject, "good", f"{version}: {compiles}, {runs}")


def _polygraphy() -> Iterator[Finding]:
    subject, version = "Polygraphy", _version("polygraphy")
    if version is None:
        fix = "pip install 'sfx[tensorrt-rtx]'   (or 'sfx[tensorrt]')"
        yield Finding(subject, "missing", "not installed (only needed to verify engines on a GPU)", fix)
        return
    try:
        from polygraphy.comparator import SimpleCompareFunc  # noqa: F401 (0.50 has none)
    except ImportError as error:
        fix = f"pip install --upgrade '{POLYGRAPHY}'"
        yield Finding(subject, "problem", f"{version} cannot compare engines: {error}", fix)
    else:
        yield Finding(subject, "good", f"{version}: 'sfx verify' compares engines on a GPU with it")


def _export() -> Iterator[Finding]:
    wanted = {name: _version(name) for name in ("torch", "onnx", "onnxscript")}
    absent = [name for name, version in wanted.items() if version is None]
    if absent:
        found = f"not installed: {', '.join(absent)} (only needed to export and to time peers)"
        yield Finding("export", "missing", found, "pip install 'sfx[export]'")
    else:
        yield Finding("export", "good", ", ".join(f"{name} {version}" for name, version in wanted.items()))


def _cache() -> Iterator[Finding]:
    directory = cache_directory()
    if directory is None:
        yield Finding(
            "cache", "missing", "switched off by SFX_CACHE=off; every start compiles", "unset SFX_CACHE"
        )
        return
    try:
        directory.mkdir(parents=True, exist_ok=True)
        probe = directory / ".probe"
        probe.touch()
        probe.unlink()
    except OSError as error:
        fix = f"make {directory} writable, or set SFX_CACHE to a directory that is"
        yield Finding("cache", "problem", f"{directory}: {error.strerror}", fix)
        return
    size = sum(path.stat().st_size for path in directory.rglob("*") if path.is_file())
    free = shutil.disk_usage(directory).free
    yield Finding("cache", "good", f"{directory}: {size / 1e6:.0f} MB used, {free / 1e9:.0f} GB free")


def _bundle() -> Iterator[Finding]:
    from sfx.engines.bundle import Bundle

    try:
        found = find_bundle(None)
        manifest = Bundle.open(found.path).manifest
    except SfxError as error:
        yield Finding("bundle", "missing", str(error), "sfx export CHECKPOINT")
        return
    size = f"{manifest.model.output_size} px" if manifest.model else "no sketch-to-face model"
    targets = ", ".join(sorted({plan.target for plan in manifest.plans})) or "no compiled engines"
    what = f"{found.path} ({found.reason}): {size}, {targets}, exported {manifest.created}"
    yield Finding("bundle", "good", what)
