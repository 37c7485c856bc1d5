"""What training computes in on this CPU."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from sfx.engines.processor import cpu_features

COMPUTED_IN = torch.bfloat16 if "amx_bf16" in cpu_features() else torch.float32
"""What convolutions are computed in. A CPU that only emulates BF16 takes nine times as long as in FP32: 47 and 5 s a
step of the demo model, eight pictures, on one with AVX2. With AVX-512's BF16 instructions, without AMX's, a step of
each of two processes took 3.3 s, and 2.5 s in FP32."""


@contextmanager
def mixed_precision() -> Iterator[None]:
    """BF16 in convolutions and linear layers, where the CPU has it."""
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=COMPUTED_IN is torch.bfloat16):
        yield
