"""Writing a bundle: whole or absent, and never over something that is not asked to go."""

from __future__ import annotations

import contextlib
import importlib.metadata
import platform
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from sfx.engines.bundle import sha256
from sfx.engines.manifest import MANIFEST, BundleFile
from sfx.errors import BundleError


def check_target(out: Path, *, force: bool) -> None:
    """Raise BundleError where writing a bundle to `out` would destroy something that is not asked to go."""
    if not out.exists():
        return
    if not out.is_dir():
        raise BundleError(f"{out}: expected a directory to write the bundle to, found a file")
    if not any(out.iterdir()):
        return
    if not (out / MANIFEST).is_file():
        raise BundleError(
            f"{out}: expected an empty directory or a bundle, found other files; choose another --out"
        )
    if not force:
        raise BundleError(f"{out}: expected nothing there, found a bundle; --force replaces it")


@contextlib.contextmanager
def whole_or_absent(out: Path) -> Iterator[Path]:
    """A directory to fill beside `out`, which takes its place at the end or is removed on any error."""
    out.parent.mkdir(parents=True, exist_ok=True)
    making = Path(tempfile.mkdtemp(dir=out.parent, prefix=f".{out.name}-making-"))
    old = making.with_name(making.name + "-old")
    try:
        yield making
        making.chmod(0o755)
        if out.exists():
            out.rename(old)
        making.rename(out)
    except BaseException:
        if old.exists() and not out.exists():
            old.rename(out)
        raise
    finally:
        shutil.rmtree(making, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)


def bundle_file(path: Path) -> BundleFile:
    """What a manifest says of a file beside it."""
    return BundleFile(path.name, path.stat().st_size, sha256(path))


def tool_versions() -> dict[str, str]:
    """Versions of what makes a bundle, for its manifest."""
    found = {"python": platform.python_version()}
    for name in ("sfx", "torch", "onnx", "onnxscript", "openvino", "onnxruntime", "onnxruntime-gpu"):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[name] = importlib.metadata.version(name)
    return found
