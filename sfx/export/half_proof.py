"""Proof at export of what FP16 costs: every graph emulated, held against FP32 layer by layer and end to end."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import onnx_ir as ir
import torch

from sfx.engines.engine import Array
from sfx.engines.manifest import Accuracy
from sfx.errors import ParityError
from sfx.export.emulation import Emulated, emulate, single_layers
from sfx.export.graphs import IMAGE_FLOAT, PICTURE_FLOATS, Graph
from sfx.export.half import half_form
from sfx.export.networks import Spse
from sfx.export.proof import Arrays
from sfx.signal_to_noise import psnr, snr

LEAST_IMAGE_DB = 60.0
"""An image below this is not exported: at 60 dB the root mean square error is 0.26 levels of 255."""
IMAGE_PEAK = 2.0
"""Images and previews are nominally in [-1, 1]; the peak of every other tensor is its own largest magnitude."""
MOST_DB = 200.0
"""Stands for no difference at all: beyond what FP32 can tell apart, and JSON has no infinity."""
WHOLE = "whole model"
"""Stands for a graph's name where the codes came from FP16 encoders and not from the published form."""
_MULTIPLYING = ("Conv", "ConvTranspose", "Gemm", "MatMul")


class HalfProof:
    """Measures the FP16 graphs of one model, in the order encoders, mapping, synthesis."""

    def __init__(self, model: Spse, proof: Arrays) -> None:
        self._single = half_form(model, torch.float32)
        self._split = model.config.geometry_layers
        self._proof = proof
        self._found: dict[str, Array] = {}

    def measure(self, graph: Graph, path: Path, deployable: Arrays) -> list[Accuracy]:
        """Hold the FP16 file at `path` against the deployable form in FP32 on the first proof input.

        Raises ParityError, naming graph and layer, for a value that is not finite and for an image below
        `LEAST_IMAGE_DB`.
        """
        share = half_share(path)
        feeds = {spec.name: self._proof[spec.name][:1] for spec in graph.inputs}
        emulated = emulate(graph, path, feeds)
        module = graph.module(self._single).eval()
        single = single_layers(module, [torch.from_numpy(feed) for feed in feeds.values()])
        accuracies = compare(graph.name, emulated, single, deployable, share)
        self._found |= emulated.outputs
        if graph.name == "synthesis":
            codes = self._found["sketch_codes"].copy()
            codes[:, self._split :] += self._found["appearance_codes"]
            whole = emulate(graph, path, {"codes": codes})
            accuracies += compare(WHOLE, whole, {}, self._proof, share)
        return accuracies


def compare(graph: str, emulated: Emulated, single: Arrays, expected: Arrays, share: float) -> list[Accuracy]:
    """Accuracy of each float output against the first rows of `expected`; raises ParityError, naming the layer."""
    for layer, values in emulated.layers.items():
        if not np.isfinite(values).all():
            raise ParityError(f"graph {graph}, layer {layer}: expected finite values in FP16, found overflow")
    layers = {layer: _limited(snr(single[layer], emulated.layers[layer])) for layer in single}
    worst = min(layers, key=layers.__getitem__, default="")
    worst_db = layers.get(worst, MOST_DB)
    accuracies = []
    for tensor, values in emulated.outputs.items():
        if values.dtype != np.float32:
            continue
        if not np.isfinite(values).all():
            raise ParityError(f"graph {graph}, output {tensor}: expected finite values in FP16, found NaN")
        ratio = tensor_psnr(tensor, expected[tensor][: len(values)], values)
        if tensor == IMAGE_FLOAT and ratio < LEAST_IMAGE_DB:
            raise ParityError(
                f"graph {graph}: expected the image in FP16 within {LEAST_IMAGE_DB:g} dB of FP32, found "
                f"{ratio:.1f} dB; the worst layer is {worst or 'in an encoder'} with {worst_db:.1f} dB"
            )
        accuracies.append(Accuracy(graph, tensor, ratio, worst, worst_db, share))
    return accuracies


def tensor_psnr(tensor: str, expected: Array, found: Array) -> float:
    """Peak signal-to-noise ratio of one of a graph's tensors, in dB, at most `MOST_DB` either way."""
    peak = IMAGE_PEAK if tensor in PICTURE_FLOATS else float(np.abs(expected).max())
    return _limited(psnr(expected, found, peak))


def half_share(path: Path) -> float:
    """Share of the multiply-adds of the ONNX graph at `path` that are in FP16, at batch 1."""
    work = {ir.DataType.FLOAT16: 0, ir.DataType.FLOAT: 0}
    for node in ir.load(path).graph:
        if node.op_type in _MULTIPLYING:
            work[_dtype(node.outputs[0])] += _multiply_adds(node)
    total = sum(work.values())
    return work[ir.DataType.FLOAT16] / total if total else 0.0


def _limited(decibels: float) -> float:
    return max(-MOST_DB, min(MOST_DB, decibels))


def _dtype(value: ir.Value) -> ir.DataType:
    assert value.dtype is not None, f"{value.name} has no dtype in the written graph"
    return value.dtype


def _multiply_adds(node: ir.Node) -> int:
    """Weight values times the positions that each is used at: outputs of a convolution, inputs of a transposed one."""
    weight = next(
        (value.const_value for value in node.inputs if value and value.const_value is not None), None
    )
    if weight is None:
        return 0
    placed = node.inputs[0] if node.op_type == "ConvTranspose" else node.outputs[0]
    assert placed is not None
    assert placed.shape is not None
    return weight.size * math.prod(side if isinstance(side, int) else 1 for side in list(placed.shape)[2:])
