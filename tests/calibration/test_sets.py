"""Calibration sets: the same request gives the same pairs, kept once made, from portraits or from files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sfx.calibration import sets
from sfx.calibration.portraits import painter
from sfx.calibration.sets import folder_set, portrait_set
from sfx.errors import InputError, MissingPackageError
from sfx.export.seeded import small_config
from sfx.labels import MAX_LABEL
from sfx.samples import sample_appearance, sample_label_map

CONFIG = small_config(output_size=64, encoder_size=64)


@pytest.fixture(autouse=True)
def _empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SFX_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A user's folder: a label map, a plain drawing, one photo."""
    folder = tmp_path / "mine"
    (folder / "sketches").mkdir(parents=True)
    (folder / "photos").mkdir()
    labels = sample_label_map(1, 512)
    Image.fromarray(labels).save(folder / "sketches" / "a_labels.png")
    ink = np.where(sample_label_map(2, 512) > 0, 0, 255).astype(np.uint8)
    Image.fromarray(ink).save(folder / "sketches" / "b_drawing.png")
    Image.fromarray(sample_appearance(3, 200)).save(folder / "photos" / "photo.jpg")
    return folder


def test_portraits_are_the_same_for_the_same_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SFX_CACHE", "off")
    first, again, other = portrait_set(CONFIG, 3), portrait_set(CONFIG, 3), portrait_set(CONFIG, 3, seed=1)
    assert first.label_maps.shape == (3, 64, 64)
    assert first.photos.shape == (3, 128, 128, 3)
    assert 0 < first.label_maps.max() <= MAX_LABEL
    assert first.description == again.description
    assert np.array_equal(first.label_maps, again.label_maps)
    assert other.description.sha256 != first.description.sha256
    assert first.description.pairs == 3
    assert first.description.seed == 0
    # A larger set begins with the smaller one, and no two pairs are the same.
    assert np.array_equal(portrait_set(CONFIG, 2).photos, first.photos[:2])
    assert not np.array_equal(first.photos[0], first.photos[1])


def test_a_set_is_drawn_once_and_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = portrait_set(CONFIG, 2)
    kept = next((tmp_path / "cache" / "calibration").iterdir())
    with monkeypatch.context() as patch:
        patch.setattr(sets, "_drawn", lambda *_: pytest.fail("expected the set from the cache"))
        assert np.array_equal(portrait_set(CONFIG, 2).photos, made.photos)
    kept.write_bytes(kept.read_bytes()[:100])
    assert portrait_set(CONFIG, 2).description == made.description


def test_a_folder_is_read_as_sfx_run_reads_it(data: Path) -> None:
    found = folder_set(CONFIG, data, 8)
    assert len(found) == 2
    assert np.array_equal(found.label_maps[0], sample_label_map(1, 512)[4::8, 4::8])
    # The drawing went through the interpreter: several classes came out of one colour of ink.
    assert len(np.unique(found.label_maps[1])) > 3
    assert np.array_equal(found.photos[0], found.photos[1])
    assert found.description.source == "folder mine"
    assert found.description.seed is None
    assert folder_set(CONFIG, data, 8).description == found.description
    assert len(folder_set(CONFIG, data, 1)) == 1


def test_a_changed_file_makes_another_set(data: Path) -> None:
    before = folder_set(CONFIG, data, 1)
    Image.fromarray(sample_label_map(5, 512)).save(data / "sketches" / "a_labels.png")
    assert folder_set(CONFIG, data, 1).description.sha256 != before.description.sha256


def test_what_is_missing_is_named(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match=r"elsewhere.sketches: expected a folder with sketches, found none"):
        folder_set(CONFIG, tmp_path / "elsewhere", 2)
    (data / "photos" / "photo.jpg").unlink()
    with pytest.raises(InputError, match=r"photos: expected a folder with pictures, found none"):
        folder_set(CONFIG, data, 2)
    with pytest.raises(InputError, match="expected 1 to 1024 pairs, found 0"):
        portrait_set(CONFIG, 0)
    monkeypatch.setattr(painter, "skia", None)
    with pytest.raises(MissingPackageError, match=r"sfx\[portraits\]"):
        portrait_set(CONFIG, 2, seed=77)
