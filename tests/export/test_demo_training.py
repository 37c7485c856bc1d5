"""Training, resuming and finishing, with a narrow model and few steps."""

from __future__ import annotations

import copy
import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from sfx.calibration.portraits import geometry_vector_names
from sfx.errors import CheckpointError, InputError
from sfx.export.checkpoint import read_checkpoint
from sfx.export.demo import trainable
from sfx.export.demo.__main__ import main
from sfx.export.demo.batches import BatchSource
from sfx.export.demo.config import DEMO
from sfx.export.demo.dataset import PARTS, SKETCHES, TRAINING, draw_shard, open_shards, shard_folder
from sfx.export.demo.evaluate import draw_with, evaluate, judge
from sfx.export.demo.finish import averaged_model, config_of, finish
from sfx.export.demo.held_out import held_out_pairs
from sfx.export.demo.initialise import wake_coarse
from sfx.export.demo.options import Options
from sfx.export.demo.run_state import CHECKPOINT, LOG, RunState
from sfx.export.demo.schedule import HIGHEST_RATES, Phase, Schedule
from sfx.export.demo.train import train
from sfx.export.networks import Spse, StyleHead
from sfx.export.operators import Blur, Upsample
from sfx.export.plain_file import write_plain
from sfx.export.precision import mixed_precision
from sfx.signal_to_noise import psnr
from tests.export.demo_fixtures import NARROW, draw_small_set


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw_small_set(tmp_path_factory.mktemp("data"))


def _options(data: Path, out: Path, stop_at_step: int, processes: int = 1) -> Options:
    schedule = Schedule(1000.0, 1000.0, 1000.0)
    return Options(
        data, out, schedule, warm_up_steps=2, processes=processes, batch=3, stop_at_step=stop_at_step
    )


def _description_sizes(data: Path) -> tuple[int, int]:
    shard = open_shards(data, TRAINING)[0]
    return shard.geometry.shape[1], shard.appearance.shape[1]


@pytest.fixture(scope="module")
def run(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of four steps."""
    out = tmp_path_factory.mktemp("run")
    train(_options(data, out, 4), NARROW)
    return out


def test_a_resumed_run_ends_in_the_same_state(data: Path, run: Path, tmp_path: Path) -> None:
    for stop_at_step in (2, 4):
        train(_options(data, tmp_path, stop_at_step), NARROW)
    whole, resumed = RunState.load(run), RunState.load(tmp_path)
    assert whole.step == resumed.step == 4
    assert whole.samples == resumed.samples == 12
    assert not whole.means, "its BatchNorms still centre"
    for kind in ("trained", "averaged"):
        first, second = getattr(whole, kind), getattr(resumed, kind)
        assert first.keys() == second.keys()
        for name, value in first.items():
            assert torch.allclose(value.float(), second[name].float(), atol=1e-6), name


def test_a_resumed_run_takes_the_rates_of_the_code(
    data: Path, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An optimiser's saved groups would bring the old rates back."""
    shutil.copytree(run, tmp_path / "run")
    monkeypatch.setattr(trainable, "MAPPING_RATE", 70.0)
    train(_options(data, tmp_path / "run", 5), NARROW)
    groups = RunState.load(tmp_path / "run").optimiser["param_groups"]
    assert groups[-1]["relative_rate"] == 70.0
    assert groups[-1]["lr"] == pytest.approx(70.0 * HIGHEST_RATES[Phase.TOGETHER])


def test_the_blur_after_up_sampling_lets_detail_through_and_is_kept(run: Path) -> None:
    """A single tap: what a published kernel would smooth away comes through; the RGB pictures keep theirs."""
    model = averaged_model(RunState.load(run))
    blurs = [module for module in model.modules() if isinstance(module, Blur)]
    assert len(blurs) == 6
    for blur in blurs:
        assert blur.kernel.count_nonzero() == 1
    assert all(
        module.kernel.count_nonzero() == 16 for module in model.modules() if isinstance(module, Upsample)
    )


def test_synthesis_learns_at_the_rate_of_the_weights_that_it_uses() -> None:
    fresh = trainable.Trainable(NARROW, 5, 3, seed=1)
    rates = trainable.relative_rates(fresh)
    assert rates.keys() == fresh.trained().keys()
    # 16 channels: 3 x 3 weights are used at 1/12 of what is stored, modulations at 1/4.
    assert rates["model.decoder.conv1.conv.weight"] == pytest.approx(12 * trainable.SYNTHESIS_RATE)
    assert rates["model.decoder.conv1.conv.modulation.weight"] == pytest.approx(4 * trainable.SYNTHESIS_RATE)
    assert rates["model.decoder.conv1.activate.bias"] == 1.0
    assert rates["model.encoder_sketch_fine.body.0.res_layer.1.weight"] == 1.0


def test_a_silent_coarse_encoder_wakes_and_says_first_what_it_said() -> None:
    model = trainable.Trainable(NARROW, 5, 3, seed=1).model
    head = model.encoder_sketch_coarse.styles["0"]
    assert isinstance(head, StyleHead)
    head.linear.weight.data.normal_()
    sketches = torch.zeros(4, 256, 256, dtype=torch.uint8)
    for number, sketch in enumerate(sketches, start=1):
        sketch[32 * number : 32 * number + 9] = number
    one_hot = trainable.one_hot(sketches, NARROW.label_count).float()
    before = copy.deepcopy(model.state_dict())
    assert not wake_coarse(model, one_hot), "this one is awake"
    assert model.encoder_sketch_coarse.training
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name]), name
    model.eval()
    last = head.convs[-2]
    assert isinstance(last, torch.nn.Conv2d)
    torch.nn.init.constant_(last.bias, -1e3)
    with torch.no_grad():
        silent = model.encoder_sketch_coarse(one_hot)
    assert wake_coarse(model, one_hot)
    awake = model.encoder_sketch_coarse(one_hot)
    torch.testing.assert_close(awake, silent.mean(0, keepdim=True).expand_as(silent), atol=1e-4, rtol=1e-4)
    awake.square().sum().backward()
    assert head.linear.weight.grad is not None
    assert head.linear.weight.grad.count_nonzero() > 0, "it cannot learn"
    assert not wake_coarse(model, one_hot)


def test_training_changes_every_live_parameter(data: Path, run: Path) -> None:
    state = RunState.load(run)
    start = trainable.Trainable(NARROW, *_description_sizes(data), seed=0).stored()
    still = [
        name
        for name, value in state.trained.items()
        if not name.startswith("teacher.")
        and value.is_floating_point()
        and torch.equal(value, start[name])
        and "running" not in name
    ]
    # At a quarter of the size the upper layers are not reached; filters and noise are constants.
    upper = ("decoder.convs.8", "decoder.convs.9", "decoder.convs.10", "decoder.convs.11")
    late = ("to_rgbs.4", "to_rgbs.5", "styles.10", "styles.11", "styles.12", "styles.13")
    assert [
        name for name in still if not any(part in name for part in (*upper, *late, "kernel", "noises"))
    ] == []


def test_each_phase_trains_its_networks_and_begins_from_the_averages(data: Path, tmp_path: Path) -> None:
    plan = _options(data, tmp_path, 3).schedule
    states = []
    for stop_at_step, decoder, encoders in ((3, 1000.0, 1000.0), (6, 0.0, 1000.0), (8, 0.0, 0.0)):
        schedule = replace(plan, decoder_minutes=decoder, encoders_minutes=encoders)
        train(replace(_options(data, tmp_path, stop_at_step), schedule=schedule), NARROW)
        states.append(RunState.load(tmp_path))
    start = trainable.Trainable(NARROW, *_description_sizes(data), seed=0).stored()
    decoder, encoders, together = states
    assert [(state.phase, state.phase_began) for state in states] == [
        ("decoder", 0),
        ("encoders", 3),
        ("together", 6),
    ]

    def changed(before: Mapping[str, torch.Tensor], state: RunState) -> set[str]:
        names = {name for name, value in before.items() if not torch.equal(value, state.trained[name])}
        return {name for name in names if "running" not in name and "num_batches" not in name}

    # Names up to where the networks part.
    learnt = {".".join(name.split(".")[:2]) for name in changed(start, decoder)}
    assert learnt == {"model.decoder", "teacher.geometry", "teacher.appearance"}
    assert not any(".style." in name for name in changed(start, decoder))
    between = changed(decoder.averaged, encoders)
    assert {name for name in between if name.startswith("model.decoder")} == {
        f"model.decoder.style.{layer}.{part}" for layer in (1, 2) for part in ("weight", "bias")
    }
    assert not any("coarse" in name or "teacher.geometry" in name for name in between)
    assert any("coarse" in name for name in changed(encoders.averaged, together))


def test_batch_norm_keeps_its_statistics_once_all_networks_have_warmed_up(data: Path, tmp_path: Path) -> None:
    schedule = Schedule(1000.0, 1000.0, 1000.0)
    states = []
    for stop_at_step, encoders in ((1, 1000.0), (3, 0.0), (4, 0.0)):
        options = _options(data, tmp_path, stop_at_step)
        train(replace(options, schedule=replace(schedule, encoders_minutes=encoders)), NARROW)
        states.append(RunState.load(tmp_path))
    began, warmed_up, later = ({n: v for n, v in one.trained.items() if "running" in n} for one in states)
    assert not any(torch.equal(began[name], warmed_up[name]) for name in began)
    assert all(torch.equal(warmed_up[name], later[name]) for name in began)


def test_codes_of_the_encoders_start_from_the_mean_of_the_teacher(data: Path) -> None:
    fresh = trainable.Trainable(NARROW, *_description_sizes(data), seed=1).eval()
    source = BatchSource(data, 2, NARROW.style_width, 0, 0, geometry_vector_names())
    described = source.described()
    fresh.teacher.measure_mean(*described)
    fresh.centre()
    with torch.no_grad(), mixed_precision():
        sketches = source.batch(0).sketches
        codes = fresh.sketch_codes(sketches)
        added = fresh.fine_sketch_codes(sketches)
    split = NARROW.geometry_layers
    expected = fresh.teacher(*described).mean(0).detach()
    assert torch.allclose(codes[:, split:], expected[split:].expand(2, -1, -1), atol=2e-2)
    assert torch.allclose(codes[:, :split] - added, expected[:split].expand(2, -1, -1), atol=2e-2)


def test_two_processes_share_a_run(data: Path, tmp_path: Path) -> None:
    train(_options(data, tmp_path, 2, processes=2), NARROW)
    state = RunState.load(tmp_path)
    assert state.step == 2
    assert state.samples == 12
    lines = [json.loads(line) for line in (tmp_path / LOG).read_text().splitlines()]
    assert lines[-1]["kind"] == "held-out"
    assert np.isfinite(lines[-1]["psnr"])
    assert list(tmp_path.glob("grid_*.png"))


def test_a_run_on_two_data_sets_counts_the_portraits_of_both(data: Path, tmp_path: Path) -> None:
    more, out = tmp_path / "more", tmp_path / "run"
    draw_shard(shard_folder(more, TRAINING, 0), seed=6, split=TRAINING, index=0, groups=1)
    train(replace(_options(data, out, 1), more_data=(more,)), NARROW)
    assert RunState.load(out).settings["pictures"] == 12


def test_a_data_set_that_is_missing_is_an_error_before_anything_is_written(
    data: Path, tmp_path: Path
) -> None:
    options = replace(_options(data, tmp_path / "run", 1, processes=2), more_data=(tmp_path / "more",))
    with pytest.raises(InputError, match="more: expected drawn shards"):
        train(options, NARROW)
    assert not (tmp_path / "run").exists()


def test_a_run_of_another_model_is_refused(data: Path, run: Path) -> None:
    other = replace(NARROW, mapping_layers=3)
    with pytest.raises(InputError, match="expected a run of this model configuration"):
        train(_options(data, run, 5, processes=2), other)


def test_no_run_is_an_error_that_names_the_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"expected a training run with a checkpoint\.pt, found none"):
        RunState.load(tmp_path)


def test_a_checkpoint_of_another_kind_of_run_is_refused(tmp_path: Path) -> None:
    write_plain({"network": {}, "averaged": {}, "step": 4}, tmp_path / CHECKPOINT)
    with pytest.raises(
        InputError, match=r"checkpoint\.pt: expected a checkpoint with trained, .* without trained, "
    ):
        RunState.load(tmp_path)


def test_a_file_that_cannot_be_saved_leaves_the_one_before_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / CHECKPOINT
    write_plain({"step": 4}, path)
    with pytest.raises(AttributeError):
        write_plain({"step": lambda: 5}, path)
    assert list(tmp_path.iterdir()) == [path]
    assert torch.load(path, weights_only=True) == {"step": 4}


def test_a_damaged_checkpoint_of_a_run_is_an_error_in_a_line(data: Path, run: Path, tmp_path: Path) -> None:
    content = (run / CHECKPOINT).read_bytes()
    (tmp_path / CHECKPOINT).write_bytes(content[: len(content) // 2])
    with pytest.raises(
        CheckpointError, match=r"checkpoint\.pt: expected a torch\.save file, found .*"
    ) as caught:
        train(_options(data, tmp_path, 5, processes=2), NARROW)
    assert "\n" not in str(caught.value)
    assert (tmp_path / CHECKPOINT).read_bytes() == content[: len(content) // 2]


def test_a_finished_run_is_a_checkpoint_that_draws_the_same(data: Path, run: Path, tmp_path: Path) -> None:
    path = tmp_path / "demo.pt"
    finish(run, path, data, "a command", samples=12)
    read = read_checkpoint(path)
    assert read.config == NARROW
    assert read.truncation is not None
    assert 0.5 < read.truncation < 3.0
    assert read.provenance["steps"] == 4
    assert read.statistics is not None
    assert read.statistics["fine_mean"].shape == (8, 16)
    state = RunState.load(run)
    pairs = held_out_pairs(data, 1)
    inputs = pairs.sketches[0].numpy(), pairs.references[0].permute(1, 2, 0).numpy()
    assert np.array_equal(draw_with(read.build(), *inputs), draw_with(averaged_model(state), *inputs))
    content = torch.load(path, weights_only=True)
    assert content["code_statistics"]["fine_mean"].shape == (8, 16)
    assert content["code_statistics"]["appearance_deviation"].shape == (6, 16)
    assert (content["code_statistics"]["fine_deviation"] > 0).all()
    assert content["provenance"]["command"] == "a command"
    assert content["provenance"]["steps"] == 4
    assert content["provenance"]["data"].startswith("8 portraits ")
    result = evaluate(path, data, 2, tmp_path / "grid.png")
    assert result.pairs == 2
    assert 3.0 < result.psnr < 40.0
    assert (tmp_path / "grid.png").exists()
    by_hand = evaluate(path, data, 2, sketch="hand")
    asked = ["evaluate", str(path), "--data", str(data), "--pairs", "2", "--sketches", "hand"]
    told = CliRunner().invoke(main, asked).output
    assert told.startswith(f"2 held-out pairs, sketches hand: {by_hand.psnr:.2f} dB PSNR")


def test_every_kind_of_sketch_can_be_evaluated(tmp_path: Path) -> None:
    for sketch in SKETCHES:
        told = CliRunner().invoke(
            main, ["evaluate", str(tmp_path), "--data", str(tmp_path), "--sketches", sketch]
        )
        assert "expected drawn shards 'held-out-000'" in told.output
    wrong = CliRunner().invoke(main, ["evaluate", str(tmp_path), "--data", str(tmp_path), "--sketches", "no"])
    assert wrong.exit_code == 2


def test_judging_targets_against_themselves_is_perfect(data: Path) -> None:
    pairs = held_out_pairs(data, 2)
    targets = pairs.targets.permute(0, 2, 3, 1).numpy()
    result = judge(targets, targets, pairs.parts.numpy(), pairs.parts.numpy())
    assert result.l1 == 0.0
    assert result.psnr > 100.0
    assert result.shown == 2
    assert result.perceptual_distance == pytest.approx(0.0, abs=1e-9)
    assert all(value > 0.9 for value in result.preserved.values())
    assert all(value == 0.0 for value in result.colour_errors.values())


def test_pairs_whose_reference_hides_what_they_show_are_counted_apart(data: Path) -> None:
    pairs = held_out_pairs(data, 2)
    targets = pairs.targets.permute(0, 2, 3, 1).numpy()
    part_maps = np.full_like(pairs.parts.numpy(), PARTS.index("skin"))
    part_maps[:, 20:40, 20:40] = PARTS.index("clothes")
    reference_maps = part_maps.copy()
    reference_maps[1, 20:40] = PARTS.index("hair")
    drawn = targets.copy()
    drawn[0] = 255 - drawn[0]
    result = judge(drawn, targets, part_maps, reference_maps)
    assert result.shown == 1
    assert result.shown_psnr == pytest.approx(psnr(targets[0], drawn[0], 255.0))
    nothing_shown = judge(drawn, targets, part_maps, np.zeros_like(reference_maps))
    assert (nothing_shown.shown, nothing_shown.shown_psnr) == (0, None)
    nothing_to_show = judge(drawn, targets, np.zeros_like(part_maps), reference_maps)
    assert nothing_to_show.shown_psnr == nothing_to_show.psnr


def test_the_demo_is_small_enough_and_keeps_the_published_topology() -> None:
    model = Spse(DEMO)
    assert sum(value.numel() for value in model.parameters()) <= 12.5e6
    assert DEMO.n_styles == 14
    for encoder in (DEMO.sketch_coarse, DEMO.sketch_fine, DEMO.face_fine):
        assert len(set(encoder.widths)) == 4
    assert config_of(asdict(DEMO)) == DEMO


def test_equal_seeds_start_alike_whatever_was_drawn_before() -> None:
    first = trainable.Trainable(NARROW, 5, 3, seed=1).stored()
    torch.rand(3)
    second = trainable.Trainable(NARROW, 5, 3, seed=1).stored()
    assert all(torch.equal(value, second[name]) for name, value in first.items())
    other = trainable.Trainable(NARROW, 5, 3, seed=2).stored()
    assert not torch.equal(first["model.decoder.style.1.weight"], other["model.decoder.style.1.weight"])
