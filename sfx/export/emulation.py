"""FP16 arithmetic emulated on a CPU (`sfx.calibration.half_rounding`): what a graph will compute on a GPU."""

from __future__ import annotations

import ast
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import onnx_ir as ir
import torch
from torch import Tensor, nn

from sfx.calibration.half_rounding import round_every_half
from sfx.engines.engine import Array
from sfx.errors import MissingPackageError
from sfx.export.graphs import Graph
from sfx.export.half import ScaledConv2d
from sfx.export.operators import Blur

_SCOPES = "pkg.torch.onnx.name_scopes"


@dataclass(frozen=True)
class Emulated:
    """What the emulated graph gave: its outputs by name, and each FP16 convolution's by module path."""

    outputs: dict[str, Array]
    layers: dict[str, Array]


def emulate(graph: Graph, path: Path, feeds: Mapping[str, Array]) -> Emulated:
    """Run the FP16 ONNX file at `path` on the CPU with every FP16 result rounded to FP16.

    Raises MissingPackageError without ONNX Runtime.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise MissingPackageError(
            "precision fp16: expected the package onnxruntime, which emulates FP16 to prove the graphs, found none; "
            "install it with: pip install 'sfx[onnxruntime]'"
        ) from error
    model = ir.load(path)
    layers = _layers(model)
    round_every_half(model)
    names = [*(spec.name for spec in (*graph.outputs, *graph.named)), *layers.values()]
    by_name = {value.name: value for node in model.graph for value in node.outputs}
    model.graph.outputs.extend(by_name[name] for name in names[len(graph.outputs) :])
    with tempfile.TemporaryDirectory() as folder:
        rewritten = Path(folder) / "emulated.onnx"
        ir.save(model, rewritten)
        session = onnxruntime.InferenceSession(str(rewritten), providers=["CPUExecutionProvider"])
        found = dict(zip(names, session.run(names, dict(feeds)), strict=True))
    return Emulated(
        {name: found[name] for name in names[: len(names) - len(layers)]},
        {layer: found[name] for layer, name in layers.items()},
    )


def single_layers(module: nn.Module, feeds: list[Tensor]) -> dict[str, Array]:
    """What each FP16 convolution's twin in float32 computes, by module path."""
    found: dict[str, Array] = {}

    def keep(name: str) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], None]:
        return lambda _module, _inputs, output: found.update({name: output.numpy()})

    layers = [item for item in module.named_modules() if isinstance(item[1], (ScaledConv2d, Blur))]
    hooks = [layer.register_forward_hook(keep(name)) for name, layer in layers]
    with torch.inference_mode():
        module(*feeds)
    for hook in hooks:
        hook.remove()
    return found


def _layers(model: ir.Model) -> dict[str, str]:
    """Module path of each FP16 convolution -> the name of its result."""
    found: dict[str, str] = {}
    for node in model.graph:
        value = node.outputs[0]
        if node.op_type in ("Conv", "ConvTranspose") and value.dtype == ir.DataType.FLOAT16:
            found[module_path(node)] = str(value.name)
    return found


def module_path(node: ir.Node) -> str:
    """The module that a node was traced from, such as `decoder.convs.3.conv`; its own name where that is not kept."""
    scopes = ast.literal_eval(node.metadata_props.get(_SCOPES, "[]"))
    return str(scopes[-2]) if len(scopes) > 1 else str(node.name)
