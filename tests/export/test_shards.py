"""Shards: whole or absent, drawn where they are missing, the same however often drawing was interrupted."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from sfx.errors import InputError
from sfx.export.shards import HELD_OUT, TRAINING, draw_missing, open_shards, shard_folder, write_shard


@dataclass(frozen=True, eq=False)
class Numbers:
    values: NDArray[np.int64]
    names: NDArray[np.uint8]


def numbers(folder: Path, seed: int, split: str, index: int) -> None:
    write_shard(folder, Numbers(np.array([seed, index]), np.frombuffer(split.encode(), np.uint8)))


class Interrupting:
    """An array whose writing is interrupted."""

    def __array__(self, *_: object, **__: object) -> NDArray[np.int64]:
        raise KeyboardInterrupt


def test_only_what_is_missing_is_drawn(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    draw_missing(tmp_path, {"seed": 3}, {HELD_OUT: 1, TRAINING: 2}, numbers, 1)
    assert capsys.readouterr().out.split("drawn: ")[1:] == [
        "held-out-000\n",
        "training-000\n",
        "training-001\n",
    ]
    draw_missing(tmp_path, {"seed": 3}, {HELD_OUT: 1, TRAINING: 3}, numbers, 2)
    assert capsys.readouterr().out == "drawn: training-002\n"
    found = open_shards(tmp_path, TRAINING, Numbers)
    assert [shard.values.tolist() for shard in found] == [[3, 0], [3, 1], [3, 2]]
    assert bytes(open_shards(tmp_path, HELD_OUT, Numbers)[0].names) == b"held-out"
    assert json.loads((tmp_path / "dataset.json").read_text()) == {"seed": 3}


def test_another_seed_does_not_extend_a_set(tmp_path: Path) -> None:
    draw_missing(tmp_path, {"seed": 1}, {TRAINING: 0}, numbers, 1)
    with pytest.raises(InputError, match="seed 2, found one of seed 1"):
        draw_missing(tmp_path, {"seed": 2}, {TRAINING: 1}, numbers, 1)


def test_a_shard_that_was_interrupted_is_absent_and_drawn_anew(tmp_path: Path) -> None:
    numbers(shard_folder(tmp_path, TRAINING, 0), 1, TRAINING, 0)
    with pytest.raises(KeyboardInterrupt):
        write_shard(shard_folder(tmp_path, TRAINING, 1), Numbers(np.array([1, 1]), Interrupting()))  # type: ignore[arg-type]
    assert [path.name for path in tmp_path.iterdir()] == ["training-000"]
    killed = tmp_path / "training-001-12.part"
    killed.mkdir()
    (killed / "values.npy").write_bytes(b"half")
    assert len(open_shards(tmp_path, TRAINING, Numbers)) == 1
    numbers(shard_folder(tmp_path, TRAINING, 1), 1, TRAINING, 1)
    assert len(open_shards(tmp_path, TRAINING, Numbers)) == 2
    assert not list(tmp_path.glob("*.part"))


def test_of_two_that_draw_the_same_shard_the_first_stays(tmp_path: Path) -> None:
    numbers(shard_folder(tmp_path, TRAINING, 0), 1, TRAINING, 0)
    numbers(shard_folder(tmp_path, TRAINING, 0), 2, TRAINING, 0)
    (only,) = open_shards(tmp_path, TRAINING, Numbers)
    assert only.values.tolist() == [1, 0]
    assert [path.name for path in tmp_path.iterdir()] == ["training-000"]


def test_a_folder_without_shards_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="expected drawn shards 'training-000'"):
        open_shards(tmp_path, TRAINING, Numbers)


def test_shard_folders_sort_by_number(tmp_path: Path) -> None:
    names = [shard_folder(tmp_path, TRAINING, index).name for index in (2, 10)]
    assert names == sorted(names)
