"""Writing a graph as ONNX: exported, constants folded, checked, with the names that the manifest gives."""

from __future__ import annotations

import contextlib
import logging
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import onnx
import onnx_ir as ir
import onnxscript.optimizer
import torch
from onnx_ir.passes import common as passes
from onnxscript.rewriter import rewrite
from onnxscript.rewriter.rules import common as rules
from torch import nn

from sfx.errors import ParityError
from sfx.export.graphs import Graph

OPSET = 18
"""The opset that torch's exporter writes natively; TensorRT 10 reads up to 20."""
MAX_FILE_BYTES = 2 << 30
"""Protobuf's limit on one message; a graph is one self-contained file that trtexec loads."""
_NO_LIMIT = 1 << 40
_FLOATS = (ir.DataType.FLOAT, ir.DataType.FLOAT16)

_RULES = (
    # Not onnxscript's whole default set: its "x + 0" rule takes constants within 1e-8 of zero for zero, and so
    # drops the 1e-8 inside every demodulation and pixel norm; an all-zero style then divides by zero.
    rules.remove_optional_bias_from_conv_rule,
    rules.remove_optional_bias_from_conv_transpose_rule,
    rules.fuse_batchnorm_into_conv_rule,
    rules.unsqueeze_unsqueeze_rule,
    rules.materialize_reshape_shape_rule,
)


@dataclass(frozen=True)
class OnnxFile:
    """What was written: the opset, and the number of values in the graph's float constants."""

    path: Path
    opset: int
    parameters: int


def write_onnx(graph: Graph, model: nn.Module, path: Path) -> OnnxFile:
    """Export `graph` of `model` to `path` as one ONNX file with a dynamic batch.

    Raises ParityError where the written graph fails ONNX's checker or would pass 2 GB.
    """
    module = graph.module(model).eval()
    # Batch 2: torch.export takes a size of 1 for a constant.
    examples = tuple(
        torch.zeros((2, *spec.shape[1:]), dtype=getattr(torch, spec.dtype)) for spec in graph.inputs
    )
    batch = torch.export.Dim("batch")
    outputs = [spec.name for spec in (*graph.outputs, *graph.named)]
    with torch.no_grad(), _quiet():
        program = torch.onnx.export(
            module,
            examples,
            dynamo=True,
            opset_version=OPSET,
            input_names=[spec.name for spec in graph.inputs],
            output_names=outputs,
            dynamic_shapes=tuple({0: batch} for _ in graph.inputs),
            optimize=False,
            verbose=False,
        )
    assert program is not None
    onnx_model = program.model
    _simplify(onnx_model)
    _declare(onnx_model, graph)
    constants = [value.const_value for value in onnx_model.graph.initializers.values()]
    floats = [constant for constant in constants if constant is not None and constant.dtype in _FLOATS]
    size = sum(constant.nbytes for constant in floats)
    if size > MAX_FILE_BYTES:
        raise ParityError(f"graph {graph.name}: expected an ONNX file under 2 GB, found {size / 1e9:.1f} GB")
    ir.save(onnx_model, path)
    try:
        onnx.checker.check_model(str(path))
    except onnx.checker.ValidationError as error:
        raise ParityError(f"graph {graph.name}: ONNX's checker refuses it: {error}") from error
    return OnnxFile(path, OPSET, sum(constant.size for constant in floats))


def expose(path: Path, graph: Graph, exposed: Path) -> None:
    """Write a copy of the graph at `path` whose named inner tensors are outputs too."""
    onnx_model = onnx.load(path)
    for spec in graph.named:
        shape = ["batch", *spec.shape[1:]]
        dtype = onnx.helper.np_dtype_to_tensor_dtype(onnx.numpy_helper.np.dtype(spec.dtype))
        onnx_model.graph.output.append(onnx.helper.make_tensor_value_info(spec.name, dtype, shape))
    onnx.save(onnx_model, exposed)


def _simplify(onnx_model: ir.Model) -> None:
    """Fold every constant expression, whatever its size: weight scaling, demodulation energies, noise."""
    for _ in range(2):
        onnxscript.optimizer.fold_constants(
            onnx_model, input_size_limit=_NO_LIMIT, output_size_limit=_NO_LIMIT, onnx_shape_inference=True
        )
        rewrite(onnx_model, pattern_rewrite_rules=_RULES)
    clean_up = ir.passes.Sequential(
        passes.RemoveUnusedNodesPass(),
        passes.LiftConstantsToInitializersPass(lift_all_constants=True, size_limit=0),
        passes.CommonSubexpressionEliminationPass(),
        passes.DeduplicateInitializersPass(),
        passes.RemoveUnusedNodesPass(),
        passes.RemoveUnusedOpsetsPass(),
        passes.NameFixPass(),
    )
    clean_up(onnx_model)


def _declare(onnx_model: ir.Model, graph: Graph) -> None:
    """Name the batch axis, and take the named inner tensors off the outputs."""
    values = (*onnx_model.graph.inputs, *onnx_model.graph.outputs)
    for value, spec in zip(values, (*graph.inputs, *graph.outputs, *graph.named), strict=True):
        assert value.name == spec.name, f"exporter named {value.name} what the manifest calls {spec.name}"
        value.shape = ir.Shape(["batch", *spec.shape[1:]])
    # A slice deleted at once would leave them marked as outputs, and so without their shape in the file.
    for _ in graph.named:
        onnx_model.graph.outputs.pop()
    onnx_model.graph.name = graph.name
    onnx_model.producer_name = "sfx"


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Silence the exporter's notes on packages that sfx does not use (torchvision), and its own deprecations."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
