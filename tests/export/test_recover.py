"""From a bundle back to the weights that it was exported from, and training that begins there."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from sfx.engines.bundle import Bundle
from sfx.errors import BundleError, InputError
from sfx.export.checkpoint import Checkpoint, read_checkpoint
from sfx.export.demo.finish import finish
from sfx.export.demo.options import Options
from sfx.export.demo.recover import begin_from, described, recover
from sfx.export.demo.run_state import RunState
from sfx.export.demo.schedule import Phase, Schedule
from sfx.export.demo.train import train
from sfx.export.demo.trainable import BEGUN_SYNTHESIS_RATE
from sfx.export.exporter import export
from sfx.export.networks import Spse
from sfx.export.seeded import write_seeded_checkpoint
from tests.export.demo_fixtures import NARROW, draw_small_set


def _inputs(model: Spse) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    config = model.config
    generator = torch.Generator().manual_seed(4)
    side, width = config.encoder_size, config.style_width
    sketches = (torch.rand(2, config.label_count, side, side, generator=generator) < 0.02).float()
    photos = torch.rand(2, 3, side, side, generator=generator) * 2.0 - 1.0
    return sketches, photos, torch.randn(2, width, generator=generator)


@torch.no_grad()
def _results(model: Spse) -> dict[str, torch.Tensor]:
    sketches, photos, z = _inputs(model)
    sketch_codes, appearance_codes = model.sketch_codes(sketches), model.appearance_codes(photos)
    return {
        "sketch_codes": sketch_codes,
        "appearance_codes": appearance_codes,
        "w": model.decoder.mapping(z),
        "image": model.decoder.synthesis(model.combine(sketch_codes, appearance_codes)),
    }


def _close(found: dict[str, torch.Tensor], wanted: dict[str, torch.Tensor], tolerance: float) -> None:
    for name, value in wanted.items():
        assert torch.allclose(found[name], value, atol=tolerance * float(value.abs().max())), name


def test_a_recovered_model_computes_what_was_exported(bundle: Bundle, checkpoint: Checkpoint) -> None:
    _close(_results(recover(bundle.path)), _results(checkpoint.build()), 1e-4)


def test_weights_stored_as_fp16_come_back_rounded(rounded_bundle: Bundle, checkpoint: Checkpoint) -> None:
    found, wanted = _results(recover(rounded_bundle.path)), _results(checkpoint.build())
    _close(found, wanted, 0.01)
    assert not torch.equal(found["w"], wanted["w"])


def test_wider_style_heads_begin_as_the_narrower_ones(bundle: Bundle, checkpoint: Checkpoint) -> None:
    config = checkpoint.config
    wider = replace(config, face_fine=replace(config.face_fine, head_width=config.face_fine.head_width + 8))
    torch.manual_seed(0)
    model = Spse(wider).eval()
    begin_from(bundle, model)
    _close(_results(model), _results(checkpoint.build()), 1e-4)
    gradients = torch.autograd.grad(
        model.appearance_codes(_inputs(model)[1]).square().sum(), list(model.encoder_face_fine.parameters())
    )
    new = gradients[-2][:, config.face_fine.head_width :]
    assert new.abs().max() > 0, "what is new does not learn"


def test_where_weights_came_from_stands_in_one_line() -> None:
    made = {"steps": 9, "samples": 90, "minutes": 1.5, "seed": 0}
    first = described({"file": "demo.pt", "sha256": "0123456789abcdef01", "made": made})
    assert first == "demo.pt 0123456789abcdef (9 steps, 90 samples, 1.5 minutes)"
    second = described(
        {"file": "b.pt", "sha256": "fedcba9876543210ff", "made": {"steps": 3, "begun_from": first}}
    )
    assert second == f"b.pt fedcba9876543210 (3 steps, begun from {first})"


def test_a_bundle_of_another_model_is_refused(bundle: Bundle, checkpoint: Checkpoint) -> None:
    smaller = Spse(replace(checkpoint.config, channels=tuple(c // 2 for c in checkpoint.config.channels)))
    with pytest.raises(BundleError, match="expected the graphs of this model"):
        begin_from(bundle, smaller)


def test_a_bundle_in_fp16_is_refused(half_bundle: Bundle) -> None:
    with pytest.raises(BundleError, match="in fp32, found sketch_encoder in fp16"):
        recover(half_bundle.path)


def test_a_damaged_bundle_is_refused(bundle_copy: Path) -> None:
    graph = bundle_copy / "synthesis.onnx"
    content = bytearray(graph.read_bytes())
    content[len(content) // 2] ^= 1
    graph.write_bytes(content)
    with pytest.raises(BundleError, match="SHA-256"):
        recover(bundle_copy)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw_small_set(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def narrow_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("narrow")
    write_seeded_checkpoint(folder / "narrow.pt", NARROW, seed=6)
    return export(folder / "narrow.pt", folder / "engines").path


def _options(data: Path, out: Path, schedule: Schedule, steps: int, begin: Path | None = None) -> Options:
    return Options(
        data, out, schedule, warm_up_steps=2, processes=1, batch=2, stop_at_step=steps, begin_from=begin
    )


def test_a_run_begins_from_a_bundle_and_goes_on_without_it(
    data: Path, narrow_bundle: Path, tmp_path: Path
) -> None:
    begun = tmp_path / "bundle"
    shutil.copytree(narrow_bundle, begun)
    seeing = Schedule(1000.0, 1000.0, 1000.0, seeing_minutes=1000.0)
    train(_options(data, tmp_path / "run", seeing, 0, begun), NARROW)
    start = RunState.load(tmp_path / "run")
    recovered = recover(begun).state_dict()
    for name, value in recovered.items():
        assert torch.equal(start.trained[f"model.{name}"], value), name
    shutil.rmtree(begun)
    train(_options(data, tmp_path / "run", seeing, 2), NARROW)
    after = RunState.load(tmp_path / "run")
    assert after.phase == Phase.SEEING.value
    rates = [group["relative_rate"] for group in after.optimiser["param_groups"]]
    assert BEGUN_SYNTHESIS_RATE / Spse(NARROW).decoder.conv1.conv.scale in rates
    assert after.settings["begun_from"].startswith("narrow.pt ")
    finish(tmp_path / "run", tmp_path / "demo.pt", data, "a command", samples=2)
    assert read_checkpoint(tmp_path / "demo.pt").provenance["begun_from"] == after.settings["begun_from"]
    changed = {name for name, value in after.trained.items() if not torch.equal(value, start.trained[name])}
    assert "model.encoder_face_fine.styles.8.linear.weight" in changed
    assert "model.encoder_sketch_fine.body.1.res_layer.1.weight" in changed
    fixed = (
        "model.decoder.",
        "model.encoder_sketch_coarse.",
        "model.encoder_sketch_fine.body.0.",
        "model.latent",
    )
    assert not {name for name in changed if name.startswith(fixed)}
    assert not {name for name in changed if "running" in name}, (
        "folded BatchNorms have no statistics to gather"
    )


def _changed_since(bundle: Path, state: RunState) -> set[str]:
    """Names of the model's tensors that a run begun from the bundle has changed."""
    recovered = recover(bundle).state_dict()
    return {
        name for name, value in recovered.items() if not torch.equal(state.trained[f"model.{name}"], value)
    }


def test_colouring_leaves_the_sketch_encoders_alone(data: Path, narrow_bundle: Path, tmp_path: Path) -> None:
    colouring = Schedule(1000.0, 1000.0, 1000.0, colouring_minutes=1000.0)
    train(_options(data, tmp_path, colouring, 2, narrow_bundle), NARROW)
    changed = _changed_since(narrow_bundle, RunState.load(tmp_path))
    assert {"encoder_face_fine.styles.8.linear.weight", "decoder.conv1.conv.weight"} <= changed
    assert not {name for name in changed if name.startswith(("encoder_sketch", "latent_avg"))}


def test_drawing_leaves_all_encoders_alone(data: Path, narrow_bundle: Path, tmp_path: Path) -> None:
    drawing = Schedule(1000.0, 1000.0, 1000.0, drawing_minutes=1000.0)
    train(_options(data, tmp_path, drawing, 2, narrow_bundle), NARROW)
    state = RunState.load(tmp_path)
    assert state.phase == Phase.DRAWING.value
    changed = _changed_since(narrow_bundle, state)
    assert "decoder.conv1.conv.weight" in changed
    assert all(name.startswith("decoder.") for name in changed)


def test_refining_leaves_what_sees_edges_alone(data: Path, narrow_bundle: Path, tmp_path: Path) -> None:
    refining = Schedule(1000.0, 1000.0, 1000.0, refining_minutes=1000.0)
    train(_options(data, tmp_path, refining, 2, narrow_bundle), NARROW)
    changed = _changed_since(narrow_bundle, RunState.load(tmp_path))
    assert {
        "decoder.conv1.conv.weight",
        "encoder_sketch_coarse.styles.0.linear.bias",
        "encoder_sketch_fine.body.1.res_layer.1.weight",
        "encoder_face_fine.styles.8.linear.weight",
    } <= changed
    kept = ("encoder_sketch_coarse.body.", "encoder_sketch_fine.body.0.", "encoder_face_fine.body.0.")
    assert not {name for name in changed if name.startswith(kept) or ".input_layer." in name}


def test_the_average_of_a_begun_run_begins_with_the_bundle(
    data: Path, narrow_bundle: Path, tmp_path: Path
) -> None:
    refining = Schedule(1000.0, 1000.0, 1000.0, refining_minutes=1000.0)
    train(_options(data, tmp_path, refining, 2, narrow_bundle), NARROW)
    state = RunState.load(tmp_path)
    name = "decoder.conv1.conv.weight"
    begin = recover(narrow_bundle).state_dict()[name]
    trained, averaged = (
        (stored[f"model.{name}"] - begin).norm() for stored in (state.trained, state.averaged)
    )
    assert 0.0 < averaged < 0.02 * trained


def test_a_begun_run_has_no_teacher_to_learn_from(data: Path, narrow_bundle: Path, tmp_path: Path) -> None:
    taught = Schedule(1000.0, 1000.0, 1000.0, decoder_minutes=10.0)
    options = replace(_options(data, tmp_path / "run", taught, 1, narrow_bundle), processes=2)
    with pytest.raises(InputError, match="expected no minutes for the decoder alone"):
        train(options, NARROW)
    assert not (tmp_path / "run").exists()


def test_a_run_does_not_begin_from_a_bundle_of_another_model(
    data: Path, narrow_bundle: Path, tmp_path: Path
) -> None:
    options = replace(
        _options(data, tmp_path / "run", Schedule(1000.0, 0.0, 0.0), 1, narrow_bundle), processes=2
    )
    with pytest.raises(BundleError, match="expected the graphs of this model"):
        train(options, replace(NARROW, channels=(8,) * 7))
    assert not (tmp_path / "run").exists()


def test_a_critic_joins_at_the_end_and_is_kept(data: Path, narrow_bundle: Path, tmp_path: Path) -> None:
    sharpening = Schedule(1000.0, 1000.0, 1000.0, sharpening_minutes=1000.0)
    for steps in (2, 3):
        train(_options(data, tmp_path / "resumed", sharpening, steps, narrow_bundle), NARROW)
    train(_options(data, tmp_path / "straight", sharpening, 3, narrow_bundle), NARROW)
    states = [RunState.load(tmp_path / name) for name in ("resumed", "straight")]
    assert all(state.phase == Phase.SHARPENING.value for state in states)
    critics = [state.critic for state in states]
    assert critics[0] is not None
    assert critics[1] is not None
    assert critics[0]["steps"] == critics[1]["steps"] == 3
    for name, value in critics[1]["network"].items():
        assert torch.equal(critics[0]["network"][name], value), name
    for name, value in states[1].trained.items():
        assert torch.equal(states[0].trained[name], value), name
    assert states[1].means
    for name, value in states[1].means.items():
        assert torch.equal(states[0].means[name], value), name
