"""The packages that calibration needs beside the runtime's: imported when used, named where they are missing."""

from __future__ import annotations

import importlib
from typing import Any

from sfx.errors import MissingPackageError


def import_onnx() -> Any:
    """The module onnx. Raises MissingPackageError."""
    return _import("onnx")


def import_onnxruntime() -> Any:
    """The module onnxruntime. Raises MissingPackageError."""
    return _import("onnxruntime")


def import_onnx_ir() -> Any:
    """The module onnx_ir. Raises MissingPackageError."""
    return _import("onnx_ir")


def _import(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise MissingPackageError(
            f"calibrate: expected the package {error.name}, found none; install it with: pip install 'sfx[calibration]'"
        ) from error
