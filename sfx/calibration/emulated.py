"""Drawing as a GPU in FP16 will, on a CPU: every graph rewritten so that each FP16 result is rounded to FP16."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

from sfx.calibration.draft import Draft
from sfx.calibration.drawing import Pixels, draw_with
from sfx.calibration.packages import import_onnx_ir
from sfx.calibration.sets import CalibrationSet
from sfx.engines.backends import choose
from sfx.engines.bundle import Bundle
from sfx.engines.bundle_writing import bundle_file
from sfx.engines.manifest import GraphEntry

BACKEND = "onnxruntime"
"""It keeps the casts that round; OpenVINO need not."""
PRECISION = "fp16, emulated"
"""What a price says that was measured so."""


def draw_emulated(bundle: Bundle, pairs: CalibrationSet) -> Pixels:
    """The faces of all pairs, (N, output_size, output_size, 3) RGB, by FP16 graphs. Raises MissingPackageError."""
    with tempfile.TemporaryDirectory() as folder:
        return draw_with(emulated_bundle(bundle, Path(folder)), choose(BACKEND, "cpu"), pairs)


def emulated_bundle(bundle: Bundle, folder: Path) -> Bundle:
    """A copy of the bundle in `folder` whose graphs compute in FP32 what they compute in FP16.

    Raises MissingPackageError.
    """
    ir = import_onnx_ir()
    from sfx.calibration.half_rounding import round_every_half

    plain = Draft.begin(bundle, folder).source

    def emulated(entry: GraphEntry) -> GraphEntry:
        path = folder / entry.file.path
        model = ir.load(path)
        round_every_half(model)
        ir.save(model, path)
        return replace(entry, file=bundle_file(path), precision="fp32", weights="fp32")

    return Bundle(
        folder, replace(plain.manifest, graphs=tuple(emulated(entry) for entry in plain.manifest.graphs))
    )
