"""The manifest: what a bundle says of itself, and the only thing that export and runtime share.

A bundle is a directory with `manifest.json` and the files that it names. Written once at export, read and
checked by `manifest_reading`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from sfx.config import ModelConfig
from sfx.engines.lowering import Lowering
from sfx.errors import BundleError

SCHEMA = 1
"""Version of the manifest's layout."""
MANIFEST = "manifest.json"


@dataclass(frozen=True)
class TensorSpec:
    """A named tensor of a graph: dtype as numpy names it, shape with -1 for the batch, and its range if known."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    range: tuple[float, float] | None = None


@dataclass(frozen=True)
class BundleFile:
    """A file of the bundle: its path relative to the manifest, its size in bytes and its SHA-256 in hex."""

    path: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class GraphEntry:
    """One graph: an ONNX file and the tensors that go in and come out."""

    name: str
    file: BundleFile
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    precision: str
    opset: int
    parameters: int
    weights: str = "fp32"
    """How large constants are stored, "fp32" or "fp16"; `precision` is what the graph computes in."""
    int8_layers: int = 0
    """Layers that compute in INT8 all the same, between Q/DQ operators."""

    def wanted(self, output: str | None) -> tuple[TensorSpec, ...]:
        """Every output, or the one called `output`. Raises BundleError where there is none of that name."""
        found = tuple(spec for spec in self.outputs if output in (None, spec.name))
        if not found:
            raise BundleError(
                f"graph {self.name}: expected an output '{output}', found {[spec.name for spec in self.outputs]}; "
                "an earlier sfx wrote the bundle, export it again"
            )
        return found


@dataclass(frozen=True)
class Measurement:
    """One link of the proof: the largest difference of one tensor between two forms of a graph.

    `link` is "published -> deployable", "deployable -> openvino" and so on; `error` is max|a - b| divided by
    max(1, max|a|), since the resolution of float32 grows with magnitude.
    """

    graph: str
    tensor: str
    link: str
    error: float
    tolerance: float


@dataclass(frozen=True)
class PlanEntry:
    """One graph compiled for one target: a plain plan file, and all that decides whether it may run here."""

    graph: str
    target: str
    """The library that built it and runs it: "tensorrt" or "tensorrt-rtx"."""
    file: BundleFile
    onnx_sha256: str
    """Of the ONNX file that it was built from."""
    version: str
    """The library's full version: a plan runs with no other."""
    capabilities: tuple[str, ...]
    """Compute capabilities that it was built for, such as "8.9"; empty for TensorRT-RTX's own choice, 8.0 and later."""
    max_batch: int
    key: str
    """Hash of the ONNX file, library, version, capabilities and profile: another key, another engine."""


@dataclass(frozen=True)
class Accuracy:
    """How near one float tensor of a graph in reduced precision comes to FP32, by emulation at export.

    `psnr_db` is the peak signal-to-noise ratio, the peak of an image being 2; `worst_layer` is the convolution
    whose result has the lowest signal-to-noise ratio, `worst_layer_db`, and empty where none is in FP16;
    `share` of the graph's multiply-adds is in FP16.
    """

    graph: str
    tensor: str
    psnr_db: float
    worst_layer: str
    worst_layer_db: float
    share: float

    def __str__(self) -> str:
        layer = f", worst layer {self.worst_layer} {self.worst_layer_db:.1f} dB" if self.worst_layer else ""
        return (
            f"{self.graph}, {self.tensor}: {self.psnr_db:.1f} dB from FP32{layer}; multiply-adds: "
            f"{self.share:.2%} FP16, {1 - self.share:.2%} FP32"
        )


@dataclass(frozen=True)
class Manifest:
    """Everything a bundle says of itself."""

    model: ModelConfig | None
    """The sketch-to-face model; None in a bundle of other graphs, as the interpreter's is."""
    graphs: tuple[GraphEntry, ...]
    proof: BundleFile
    """Seeded inputs and the published form's outputs (npz), which `sfx verify` repeats."""
    parity: tuple[Measurement, ...]
    labels: tuple[str, ...]
    source: Mapping[str, Any]
    """Where the weights came from: file name, size, SHA-256, options."""
    tools: Mapping[str, str]
    """Versions of what made the bundle."""
    created: str
    """UTC, ISO 8601."""
    statistics: BundleFile | None = None
    """`fine_mean` and `fine_deviation` (geometry_layers, width) over the training set, where they are known."""
    truncation: float | None = None
    """How far fine codes may stray from their mean, in deviations; None for as far as they like."""
    accuracy: tuple[Accuracy, ...] = ()
    """What reduced precision costs; empty where every graph is FP32."""
    plans: tuple[PlanEntry, ...] = ()
    """Compiled engines, one for each graph and target at most."""
    lowering: Lowering | None = None
    """What `sfx calibrate` lowered, and what it costs; None where it was not run."""

    def graph(self, name: str) -> GraphEntry:
        """The graph called `name`. Raises BundleError where the bundle has none."""
        for entry in self.graphs:
            if entry.name == name:
                return entry
        raise BundleError(
            f"expected a graph '{name}' in the bundle, found {[entry.name for entry in self.graphs]}"
        )

    def files(self) -> tuple[BundleFile, ...]:
        """Every file that the manifest names."""
        known = (self.statistics,) if self.statistics is not None else ()
        plans = (plan.file for plan in self.plans)
        return (*(entry.file for entry in self.graphs), self.proof, *known, *plans)

    def plan(self, graph: str, target: str) -> PlanEntry | None:
        """The engine of one graph for one target, if it was compiled."""
        return next((plan for plan in self.plans if (plan.graph, plan.target) == (graph, target)), None)

    def to_json(self) -> str:
        """The text of `manifest.json`."""
        content = {"schema": SCHEMA, **asdict(self)}
        return json.dumps(content, indent=2) + "\n"
