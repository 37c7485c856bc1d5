"""Compiled training must learn what training as written learns."""

from __future__ import annotations

import contextlib
from collections import defaultdict
from pathlib import Path

import pytest
import torch
from torch import Tensor

from sfx.calibration.portraits import geometry_vector_names
from sfx.errors import InputError
from sfx.export.demo import objectives, trainable
from sfx.export.demo.batches import Batch, BatchSource
from sfx.export.demo.centring import Centring
from sfx.export.demo.compiled import compile_parts, refuse_without_compiler, uncompiled
from sfx.export.demo.objectives import OBJECTIVES
from sfx.export.demo.options import Options
from sfx.export.demo.schedule import Phase, Schedule
from sfx.export.demo.train import train
from sfx.export.demo.trainable import Trainable
from tests.export.demo_fixtures import NARROW, draw_small_set

PHASE = Phase.REFINING


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> BatchSource:
    data = draw_small_set(tmp_path_factory.mktemp("data"))
    return BatchSource(data, 2, NARROW.style_width, 0, 0, geometry_vector_names())


@pytest.fixture(autouse=True)
def _in_fp32(monkeypatch: pytest.MonkeyPatch) -> None:
    """In BF16, gradients of two orders of computing differ by a tenth."""
    monkeypatch.setattr(objectives, "mixed_precision", contextlib.nullcontext)
    monkeypatch.setattr(trainable, "COMPUTED_IN", torch.float32)


def _model(source: BatchSource) -> Trainable:
    features, values = (vectors.shape[1] for vectors in source.described())
    model = Trainable(NARROW, features, values, seed=3)
    for tensor in model.parameters():
        # Readers and the coarse head are zero at first, and nothing would be learnt through them.
        if not tensor.any():
            torch.nn.init.normal_(tensor, std=0.1, generator=torch.Generator().manual_seed(1))
    learning = model.trained_in(PHASE)
    for name, tensor in model.trained().items():
        tensor.requires_grad_(name in learning)
    model.train()
    model.fix_normalisation()
    return model


def _gradients(model: Trainable, batch: Batch) -> dict[str, Tensor]:
    model.zero_grad(set_to_none=True)
    loss, _ = OBJECTIVES[PHASE](model, batch, NARROW.output_size)
    loss.backward()  # type: ignore[no-untyped-call]
    gradients = {}
    for name, tensor in model.trained_in(PHASE).items():
        assert tensor.grad is not None, name
        gradients[name] = tensor.grad
    return gradients


def _can_compile() -> bool:
    try:
        refuse_without_compiler()
    except InputError:
        return False
    return True


@pytest.mark.skipif(not _can_compile(), reason="no C++ compiler, which an option of training needs")
def test_gradients_are_those_of_training_as_written(source: BatchSource) -> None:
    """In one of three batches at least: a unit that rounding takes to the other side of 0 changes all before it."""
    written, compiled = _model(source), _model(source)
    compile_parts(compiled)
    apart: dict[str, list[float]] = defaultdict(list)
    for step in range(3):
        expected, found = (_gradients(model, source.batch(step)) for model in (written, compiled))
        for name, gradient in expected.items():
            assert gradient.norm() > 0, name
            apart[name].append(float((found[name] - gradient).norm() / gradient.norm()))
    for name, distances in apart.items():
        assert min(distances) <= 1e-3, (name, distances)


def test_means_are_measured_on_compiled_networks(source: BatchSource) -> None:
    """Hooks that come after compiling would otherwise not be called, and every mean be missing."""
    measured = []
    for compiled in (False, True):
        model = _model(source)
        if compiled:
            compile_parts(model)
        centring = Centring(model.model, model.trained_in(PHASE).values(), {})

        def run(model: Trainable = model, compiled: bool = compiled) -> None:
            with uncompiled(compiled):
                OBJECTIVES[PHASE](model, source.batch(1), NARROW.output_size)

        centring.measure(run)
        measured.append(centring.means)
    assert measured[0]
    for name, mean in measured[0].items():
        assert torch.allclose(measured[1][name], mean, atol=1e-6), name


def test_compiling_without_a_compiler_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    options = Options(tmp_path, tmp_path / "run", Schedule(1.0, 1.0, 1.0), compiled=True)
    with pytest.raises(InputError, match="found no no-such-compiler"):
        train(options, NARROW)
    assert not options.out.exists()
