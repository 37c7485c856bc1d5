"""A bundle in the making: the graphs of its source, and beside them graphs with layers in INT8."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sfx.calibration.forms import FORMS
from sfx.calibration.layers import Layer
from sfx.calibration.packages import import_onnx
from sfx.calibration.quantise import load_model, quantised
from sfx.calibration.ranges import TensorRange
from sfx.engines.bundle import Bundle
from sfx.engines.bundle_writing import bundle_file

ENDING = "-int8.onnx"
"""Of the file that stands in for a graph's own."""
_PREPARED = "-prepared.onnx"


@dataclass(frozen=True)
class Draft:
    """`folder` holds every file of `source` but its compiled engines, and the graphs that were prepared for INT8."""

    source: Bundle
    folder: Path

    @classmethod
    def begin(cls, source: Bundle, folder: Path) -> Draft:
        """Copy the source's files, their checksums verified, to `folder`."""
        plain = Bundle(source.path, replace(source.manifest, plans=()))
        for file in plain.manifest.files():
            target = folder / file.path
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(plain.checked(file), target)
        return cls(plain, folder)

    def prepare(self, graph: str, model: Any) -> None:
        """Keep what INT8 layers are to be written into: a graph that computes what the source's does."""
        import_onnx().save(model, str(self.folder / f"{graph}{_PREPARED}"))

    def with_int8(self, layers: Sequence[Layer], ranges: Mapping[str, Mapping[str, TensorRange]]) -> Bundle:
        """The bundle whose graphs have these layers in INT8, `ranges` by graph; written over by the next one."""
        onnx = import_onnx()
        entries = []
        for entry in self.source.manifest.graphs:
            lowered = [layer for layer in layers if layer.graph == entry.name]
            if lowered:
                form = FORMS[entry.precision]
                path = self.folder / f"{entry.name}{ENDING}"
                model = load_model(self.folder / f"{entry.name}{_PREPARED}")
                onnx.save(quantised(model, lowered, ranges[entry.name], form), str(path))
                entry = replace(
                    entry,
                    file=bundle_file(path),
                    opset=max(entry.opset, form.opset),
                    weights="fp32",
                    int8_layers=len(lowered),
                )
            entries.append(entry)
        return Bundle(self.folder, replace(self.source.manifest, graphs=tuple(entries)))

    def keep_only(self, bundle: Bundle) -> None:
        """Remove what `bundle` does not name, at the end."""
        kept = {self.folder / file.path for file in bundle.manifest.files()}
        for path in self.folder.rglob("*"):
            if path.is_file() and path not in kept:
                path.unlink()
