"""Training with the largest networks and the loss as compiled programs instead of one call of torch after the other.

Between convolutions a map is read and written some ten times, for noise, bias, modulation, normalisation and slopes;
compiled, that is one pass or two. A processor with AMX, whose BF16 convolutions are a third of a step otherwise, took
0.13 instead of 0.2 s for a sample (one of two processes, eight samples a step).
"""

from __future__ import annotations

import os
import shutil
import sysconfig
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import torch

from sfx.errors import InputError
from sfx.export.demo.trainable import Trainable

FORMS = 64
"""How many forms of one function are kept: one for each encoder, phase and size of pictures."""


def refuse_without_compiler() -> None:
    """Raise `InputError` where torch could not compile: it writes C++ against Python's headers."""
    compiler = os.environ.get("CXX", "g++")
    header = Path(sysconfig.get_path("include")) / "Python.h"
    if shutil.which(compiler) is None:
        raise InputError(
            f"--compile: expected a C++ compiler, found no {compiler}: name another in CXX, or train without"
        )
    if not header.is_file():
        raise InputError(
            f"--compile: expected Python's headers, found no {header}: install them, or train without"
        )


def compile_parts(trainable: Trainable) -> None:
    """Exchange the encoders' trunks, synthesis and the pictures' comparison for compiled ones.

    Each is compiled when it is first called in a phase, or for another size of pictures: a minute or two for all, which
    count as training time.
    A model that only draws, as the averaged one, is better copied before.
    """
    import torch._dynamo.config
    import torch._inductor.config

    torch._dynamo.config.recompile_limit = FORMS
    torch._inductor.config.compile_threads = 1
    compiled: Callable[[Callable[..., Any]], Any] = partial(torch.compile, dynamic=False)
    model = trainable.model
    # Trunks alone: of two resizings with corners aligned, one in the other, in one program, torch 2.13's way back loses
    # the inner one, and what feeds it gets no gradient.
    for encoder in (model.encoder_sketch_coarse, model.encoder_sketch_fine, model.encoder_face_fine):
        encoder.features = compiled(encoder.features)  # type: ignore[method-assign]
    model.decoder.synthesis = compiled(model.decoder.synthesis)  # type: ignore[method-assign]
    trainable.compare = compiled(trainable.compare)


def uncompiled(compiled: bool) -> AbstractContextManager[object]:
    """A context in which functions that are `compiled` run as written, with the hooks that modules have by now."""
    if not compiled:
        return nullcontext()
    context: AbstractContextManager[object] = torch.compiler.set_stance("force_eager")
    return context
