"""What the graphs of each precision are typed in where they may go to INT8."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from sfx.calibration.packages import import_onnx
from sfx.engines.bundle import Bundle
from sfx.errors import BundleError, InputError


@dataclass(frozen=True)
class Form:
    """The convolutions that may be lowered, and what Q/DQ around them take."""

    precision: str
    """Of the graphs, as the manifest names it."""
    element: type[np.floating[Any]]
    """Of those convolutions' kernels, of what they read, and of the scales."""
    kinds: tuple[str, ...]
    """Their operators."""
    opset: int
    """The first in which QuantizeLinear and DequantizeLinear take `element`."""
    on_cpu: Mapping[str, str]
    """What the other layers may be meant to compute in -> what a CPU is asked for; the first one unless told."""

    def high(self, asked: str | None) -> str:
        """What the layers are to compute in that are not lowered. Raises InputError for what these graphs cannot."""
        if asked is None:
            return next(iter(self.on_cpu))
        if asked not in self.on_cpu:
            raise InputError(
                f"high: expected {' or '.join(self.on_cpu)} for graphs exported in {self.precision}, found {asked}"
            )
        return asked

    def holds(self, tensor: Any) -> bool:
        """Whether an onnx.TensorProto has this element type."""
        return bool(tensor.data_type == self.onnx_element)

    @property
    def onnx_element(self) -> int:
        """`element` as ONNX numbers it."""
        return int(import_onnx().helper.np_dtype_to_tensor_dtype(np.dtype(self.element)))


FORMS = {
    "fp32": Form(
        "fp32",
        element=np.float32,
        kinds=("Conv", "ConvTranspose"),
        opset=13,
        on_cpu={"fp32": "fp32", "bf16": "bf16"},
    ),
    "fp16": Form(
        "fp16",
        element=np.float16,
        # TensorRT-RTX 1.7 gives a Conv between Q/DQ int8 operands, as its plan files say, but a ConvTranspose half
        # ones, rounded to INT8 and back: all of the damage, and more work than without.
        kinds=("Conv",),
        opset=19,
        on_cpu={"fp16": "fp32"},
    ),
}
"""By precision."""


def form_of(source: Bundle, graphs: tuple[str, ...]) -> Form:
    """The form that these graphs of a bundle share. Raises BundleError where it is none that can be lowered."""
    found = {name: source.manifest.graph(name).precision for name in graphs}
    if len(set(found.values())) == 1 and found[graphs[0]] in FORMS:
        return FORMS[found[graphs[0]]]
    listed = ", ".join(f"{name} in {precision}" for name, precision in found.items())
    raise BundleError(f"{source.path}: expected graphs all in {' or all in '.join(FORMS)}, found {listed}")
