"""What this machine can do at best, measured: the two ceilings of the roofline model.

Williams, Waterman and Patterson, "Roofline: an insightful visual performance model for multicore
architectures" (Communications of the ACM, 2009).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

_HINTS = {"fp32": "f32", "bf16": "bf16"}
_CHANNELS, _SIDE = 512, 64
_COPIED_BYTES = 256 << 20
_REPEATS = 5


@dataclass(frozen=True)
class Ceilings:
    """The best of several runs: of a 3x3 convolution with 512 channels at 64x64, and of copying 256 MiB.

    `gflops` counts a multiply-add as two operations of the direct form; `copy_gb` counts bytes read and written,
    a second.
    """

    precision: str
    gflops: float
    copy_gb: float


def measure_ceilings(precision: str = "fp32") -> Ceilings:
    """Measure with OpenVINO on the CPU, on as many cores as it takes by itself."""
    operations = 2 * _CHANNELS * _CHANNELS * 9 * _SIDE * _SIDE
    source = np.ones(_COPIED_BYTES, np.uint8)
    target = np.empty_like(source)
    return Ceilings(
        precision,
        gflops=operations / _best(_convolution(precision)) / 1e9,
        copy_gb=2 * _COPIED_BYTES / _best(lambda: np.copyto(target, source)) / 1e9,
    )


def _convolution(precision: str) -> Callable[[], Any]:
    import openvino
    from openvino import opset13 as ops

    x = ops.parameter([1, _CHANNELS, _SIDE, _SIDE], np.float32)
    kernel = ops.constant(np.ones((_CHANNELS, _CHANNELS, 3, 3), np.float32))
    y = ops.convolution(x, kernel, [1, 1], [1, 1], [1, 1], [1, 1])
    model = openvino.Model([ops.result(y)], [x], "peak")
    config = {"INFERENCE_PRECISION_HINT": _HINTS[precision], "PERFORMANCE_HINT": "LATENCY"}
    request = openvino.Core().compile_model(model, "CPU", config).create_infer_request()
    feeds = {0: np.ones((1, _CHANNELS, _SIDE, _SIDE), np.float32)}
    return lambda: request.infer(feeds, share_inputs=True)


def _best(call: Callable[[], Any]) -> float:
    """Seconds of the fastest of several calls, after one that does not count."""
    call()
    taken = []
    for _ in range(_REPEATS):
        started = time.perf_counter()
        call()
        taken.append(time.perf_counter() - started)
    return min(taken)
