"""Reading checkpoints: the model's numbers off the tensors, and a clear word on everything else."""

from __future__ import annotations

import json
import os
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch

from sfx.config import PUBLISHED
from sfx.errors import CheckpointError
from sfx.export.checkpoint import Checkpoint, _Shapes, read_checkpoint
from sfx.export.seeded import small_config
from tests.conftest import SHARED


def rewrite(source: Path, target: Path, **changes: Any) -> Path:
    content = torch.load(source, weights_only=True)
    torch.save(content | changes, target)
    return target


def test_config_is_read_off_the_tensors(checkpoint: Checkpoint) -> None:
    assert checkpoint.config == small_config(output_size=64, encoder_size=64)
    assert checkpoint.latent_avg.shape == (10, 32)


def test_published_shapes_give_the_published_config() -> None:
    shapes = SHARED / "golden" / "state_dict_shapes.json"
    if not shapes.is_file():
        pytest.skip("the published shapes are not beside this checkout")
    state = {
        name: torch.empty(shape, device="meta") for name, shape in json.loads(shapes.read_text()).items()
    }
    opts = {"output_size": 1024, "start_from_latent_avg": True}
    assert _Shapes(Path("published.pt"), state).config(opts) == PUBLISHED


def test_dead_heads_are_neither_needed_nor_built(checkpoint_path: Path, tmp_path: Path) -> None:
    state = torch.load(checkpoint_path, weights_only=True)["state_dict"]
    dead = [name for name in state if name.startswith("encoder_sketch_coarse.styles.7.")]
    assert dead
    live = {name: value for name, value in state.items() if name not in dead}
    path = rewrite(checkpoint_path, tmp_path / "live.pt", state_dict=live)
    names = read_checkpoint(path).build().state_dict()
    assert "encoder_sketch_coarse.styles.0.linear.weight" in names
    for name in (
        "encoder_sketch_coarse.styles.1.",
        "encoder_sketch_fine.styles.8.",
        "encoder_face_fine.styles.7.",
    ):
        assert not any(found.startswith(name) for found in names)


def test_files_older_than_the_zip_format_are_read(checkpoint_path: Path, tmp_path: Path) -> None:
    old = tmp_path / "old.pt"
    content = torch.load(checkpoint_path, weights_only=True)
    torch.save(content, old, _use_new_zipfile_serialization=False)
    assert read_checkpoint(old).config == read_checkpoint(checkpoint_path).config


class Hostile:
    """Unpickles by running a command, as a trojan in a checkpoint would."""

    def __init__(self, witness: Path) -> None:
        self.witness = witness

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.system, (f"touch '{self.witness}'",)


@pytest.mark.parametrize("plain_pickle", [False, True])
def test_hostile_pickle_does_not_run(plain_pickle: bool, checkpoint_path: Path, tmp_path: Path) -> None:
    witness, path = tmp_path / "witness", tmp_path / "hostile.pt"
    if plain_pickle:
        path.write_bytes(pickle.dumps({"state_dict": Hostile(witness)}))
    else:
        rewrite(checkpoint_path, path, opts=Hostile(witness))
    with pytest.raises(CheckpointError, match=r"hostile\.pt: .*expected"):
        read_checkpoint(path)
    assert not witness.exists()


def test_psp_checkpoint_is_named(tmp_path: Path) -> None:
    path = tmp_path / "psp.pt"
    state = {"encoder.input_layer.0.weight": torch.zeros(1), "decoder.style.1.weight": torch.zeros(1)}
    torch.save({"state_dict": state, "opts": {}}, path)
    with pytest.raises(
        CheckpointError, match=r"psp\.pt: this is a pixel2style2pixel.*missing: encoder_sketch_coarse"
    ):
        read_checkpoint(path)


def test_rosinality_generator_is_named(tmp_path: Path) -> None:
    path = tmp_path / "stylegan2.pt"
    torch.save({"g_ema": {}, "latent_avg": torch.zeros(512)}, path)
    with pytest.raises(CheckpointError, match=r"rosinality StyleGAN2 generator.*none of the three encoders"):
        read_checkpoint(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"model": torch.zeros(1), "epoch": 3}, "found the keys 'model', 'epoch'"),
        ({"encoder_sketch_coarse.input_layer.0.weight": torch.zeros(1)}, "found a bare state dict"),
        ({"state_dict": {"conv.weight": torch.zeros(1)}}, "it holds 'conv.weight'"),
        ([torch.zeros(1)], "found a list"),
        ({}, "found the keys nothing"),
    ],
)
def test_strangers_are_described(content: Any, message: str, tmp_path: Path) -> None:
    path = tmp_path / "stranger.pt"
    torch.save(content, path)
    with pytest.raises(CheckpointError, match=message) as caught:
        read_checkpoint(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", b"PK\x03\x04 cut", b"\x80\x02}q\x00"])
def test_damage_is_described(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "damaged.pt"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"damaged\.pt: ") as caught:
        read_checkpoint(path)
    assert "\n" not in str(caught.value)


def test_truncated_checkpoint_is_described(checkpoint_path: Path, tmp_path: Path) -> None:
    path = tmp_path / "cut.pt"
    whole = checkpoint_path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(CheckpointError, match=r"cut\.pt: "):
        read_checkpoint(path)


@pytest.mark.parametrize("missing", ["nowhere.pt", "."])
def test_missing_file_is_named(missing: str, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="expected a checkpoint file, found"):
        read_checkpoint(tmp_path / missing)


def test_wrong_tensors_are_named(checkpoint_path: Path, tmp_path: Path) -> None:
    state = dict(torch.load(checkpoint_path, weights_only=True)["state_dict"])
    name = "decoder.convs.1.noise.weight"
    bad_shape = rewrite(checkpoint_path, tmp_path / "shape.pt", state_dict=state | {name: torch.zeros(2)})
    with pytest.raises(
        CheckpointError, match=r"expected 'decoder.convs.1.noise.weight' of shape \(1,\), found \(2,\)"
    ):
        read_checkpoint(bad_shape).build()
    del state[name]
    absent = rewrite(checkpoint_path, tmp_path / "absent.pt", state_dict=state)
    with pytest.raises(
        CheckpointError, match=r"expected a tensor 'decoder.convs.1.noise.weight', found none"
    ):
        read_checkpoint(absent).build()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"opts": None}, "expected 'opts', a dict of plain options, found none"),
        ({"opts": {"output_size": 1024}}, "opts say output_size 1024, but the decoder's tensors make 64"),
        ({"opts": {"geometry_layers": 10}}, "expected geometry_layers between 1 and 9"),
        (
            {"code_statistics": {"fine_mean": torch.zeros(8, 32)}},
            r"expected code_statistics\['fine_deviation'\]",
        ),
        (
            {"opts": {"truncation": 1.3}},
            "expected opts.'truncation'. above 0 together with code_statistics, found 1.3",
        ),
        ({"latent_avg": torch.zeros(3, 32)}, r"expected 'latent_avg', a tensor of shape \(10, 32\)"),
    ],
)
def test_wrong_options_are_named(changes: Any, message: str, checkpoint_path: Path, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=message):
        read_checkpoint(rewrite(checkpoint_path, tmp_path / "changed.pt", **changes))


def test_latent_avg_may_be_absent_where_it_is_not_used(checkpoint_path: Path, tmp_path: Path) -> None:
    opts = {"geometry_layers": 8, "start_from_latent_avg": False}
    path = rewrite(checkpoint_path, tmp_path / "none.pt", opts=opts, latent_avg=None)
    checkpoint = read_checkpoint(path)
    assert not checkpoint.config.start_from_latent_avg
    assert not checkpoint.latent_avg.any()
