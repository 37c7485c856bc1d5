"""Gradients in one buffer, so that processes share them in one call and their norm is one number."""

from __future__ import annotations

from collections.abc import Iterable

import torch
import torch.distributed as dist
from torch import Tensor


def gradient_buffer(tensors: Iterable[Tensor]) -> Tensor:
    """One flat buffer in which every tensor's gradient is a view from now on."""
    tensors = list(tensors)
    flat = torch.zeros(sum(tensor.numel() for tensor in tensors))
    start = 0
    for tensor in tensors:
        part = flat[start : start + tensor.numel()]
        tensor.grad = part.as_strided(tensor.shape, tensor.stride(), part.storage_offset())
        start += tensor.numel()
    return flat


def average_over_processes(gradients: Tensor, processes: int) -> None:
    """Exchange a buffer for the mean of all processes' buffers."""
    if processes > 1:
        dist.all_reduce(gradients)
        gradients.div_(processes)
