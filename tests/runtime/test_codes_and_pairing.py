"""Arithmetic on codes, and which sketch goes with which reference."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sfx.errors import InputError
from sfx.runtime import codes
from sfx.runtime.pairing import plan

RNG = np.random.default_rng(0)
CODES = RNG.standard_normal((2, 10, 4)).astype(np.float32)


def test_appearance_is_added_to_its_layers_only() -> None:
    appearance = RNG.standard_normal((1, 2, 4)).astype(np.float32)
    found = codes.add_appearance(CODES, appearance, 8)
    np.testing.assert_array_equal(found[:, :8], CODES[:, :8])
    np.testing.assert_array_equal(found[:, 8:], CODES[:, 8:] + appearance)


def test_random_appearance_replaces_its_layers() -> None:
    w = RNG.standard_normal((2, 4)).astype(np.float32)
    found = codes.replace_appearance(CODES, w, 8)
    np.testing.assert_array_equal(found[:, :8], CODES[:, :8])
    np.testing.assert_array_equal(found[:, 9], w)


def test_mixing_blends_the_chosen_layers() -> None:
    w = RNG.standard_normal((1, 4)).astype(np.float32)
    found = codes.mix(CODES, w, (1, 8), 0.25)
    np.testing.assert_array_equal(found[:, 0], CODES[:, 0])
    np.testing.assert_allclose(found[:, 8], 0.25 * w + 0.75 * CODES[:, 8], rtol=1e-6)
    np.testing.assert_allclose(codes.mix(CODES, w, (3,))[:, 3], np.repeat(w, 2, 0))


def test_truncation_pulls_strays_back_and_leaves_the_others() -> None:
    mean = RNG.standard_normal((8, 4)).astype(np.float32)
    deviation = RNG.uniform(0.5, 2, (8, 4)).astype(np.float32)
    near, far = mean + 0.9 * deviation, mean - 3 * deviation
    found = codes.truncate(np.stack([near, far]), mean, deviation, 1.5)
    np.testing.assert_allclose(found[0], near, rtol=1e-6)
    np.testing.assert_allclose(found[1], mean - 1.5 * deviation, rtol=1e-5, atol=1e-6)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(codes.truncate(mean[None], mean, deviation, 0.5)[0], mean)


def test_random_rows_do_not_depend_on_their_number() -> None:
    np.testing.assert_array_equal(codes.random_z(5, 3, 8)[:2], codes.random_z(5, 2, 8))
    assert not np.array_equal(codes.random_z(5, 1, 8), codes.random_z(6, 1, 8))


def test_layers() -> None:
    assert codes.parse_layers("8-17", 18) == tuple(range(8, 18))
    assert codes.parse_layers("3, 5,8-10,9", 18) == (3, 5, 8, 9, 10)
    for text in ("", "a", "3-", "-1", "5-3", "18", "3,,4", "1-99999"):
        with pytest.raises(InputError, match="layers: expected"):
            codes.parse_layers(text, 18)


def touch(folder: Path, *names: str) -> Path:
    folder.mkdir(exist_ok=True)
    for name in names:
        (folder / name).touch()
    return folder


def test_folders_pair_by_sorted_name(tmp_path: Path) -> None:
    sketches = touch(tmp_path / "s", "b.png", "a.png", "notes.txt", ".hidden.png")
    photos = touch(tmp_path / "p", "2.jpg", "1.png")
    jobs = plan([sketches], photos, tmp_path / "out")
    pairs = [(job.sketch.name, job.appearance.name if job.appearance else None, job.out.name) for job in jobs]
    assert pairs == [("a.png", "1.png", "a_face.png"), ("b.png", "2.jpg", "b_face.png")]


def test_one_reference_serves_all(tmp_path: Path) -> None:
    sketches = touch(tmp_path / "s", "a.png", "b.png")
    photo = touch(tmp_path / "p", "1.png") / "1.png"
    assert {job.appearance for job in plan([sketches], photo, None)} == {photo}


def test_outputs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    sketch = touch(tmp_path / "s", "a.png") / "a.png"
    assert plan([sketch], None, None)[0].out == Path("a_face.png")
    assert plan([sketch], None, Path("face.jpg"))[0].out == Path("face.jpg")
    assert plan([sketch], None, Path("faces"))[0].out == Path("faces/a_face.png")


def test_what_does_not_pair_is_refused(tmp_path: Path) -> None:
    sketches = touch(tmp_path / "s", "a.png", "b.png")
    one, empty = touch(tmp_path / "one", "1.png"), touch(tmp_path / "empty", "notes.txt")
    twins = touch(tmp_path / "t", "a.png", "a.jpg")
    cases = [
        (([sketches], one, None), r"one: expected as many references as sketches, found 1 for 2"),
        (([empty], one, None), "expected a folder with pictures, found none in it"),
        (
            ([tmp_path / "nowhere.png"], one, None),
            "expected a picture or a folder of pictures, found nothing",
        ),
        (
            ([sketches], one / "1.png", Path("face.png")),
            "expected a folder to write 2 faces to, found a file name",
        ),
        (([twins], one / "1.png", None), "expected one face a name, found it for both"),
        (([sketches / "a.png"], one / "1.png", one / "1.png"), "expected another name than an input's"),
        (([sketches / "a.png"], one / "1.png", empty / "notes.txt"), "expected a folder or a file ending in"),
    ]
    for arguments, message in cases:
        with pytest.raises(InputError, match=message):
            plan(*arguments)


def test_companions_never_overwrite_an_input(tmp_path: Path) -> None:
    sketches = touch(tmp_path / "s", "a.png", "a_couple.png")
    with pytest.raises(InputError, match=r"a_couple\.png: expected another name than an input's"):
        plan([sketches], sketches / "a.png", sketches, ("_couple.png",))
