"""Fixtures: a small seeded checkpoint, and the bundle that `export` makes of it, once a session."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from sfx.engines.bundle import Bundle
from sfx.export.checkpoint import Checkpoint, read_checkpoint
from sfx.export.exporter import export
from sfx.export.seeded import small_config, write_seeded_checkpoint
from sfx.samples import sample_appearance, sample_label_map

SHARED = Path(__file__).resolve().parents[2] / "shared"
"""The project's reference data, beside the checkout where it is present."""


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Tests keep compiled models apart from the user's, and see no bundle but their own."""
    before = {name: os.environ.get(name) for name in ("SFX_CACHE", "SFX_BUNDLE")}
    os.environ["SFX_CACHE"] = str(tmp_path_factory.mktemp("cache"))
    os.environ.pop("SFX_BUNDLE", None)
    yield
    for name, value in before.items():
        os.environ.pop(name, None)
        if value is not None:
            os.environ[name] = value


@pytest.fixture(scope="session")
def checkpoint_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of the published topology at 64 px: 10 style layers, 8 of geometry."""
    path = tmp_path_factory.mktemp("checkpoint") / "small.pt"
    write_seeded_checkpoint(path, small_config(output_size=64, encoder_size=64), seed=3)
    return path


@pytest.fixture(scope="session")
def checkpoint(checkpoint_path: Path) -> Checkpoint:
    return read_checkpoint(checkpoint_path)


@pytest.fixture(scope="session")
def bundle(checkpoint_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """The exported bundle; tests that change it take `bundle_copy`."""
    return export(checkpoint_path, tmp_path_factory.mktemp("bundle") / "engines")


@pytest.fixture(scope="session")
def half_bundle(checkpoint_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """The same checkpoint exported in FP16."""
    out = tmp_path_factory.mktemp("half") / "engines"
    return export(checkpoint_path, out, precision="fp16")


@pytest.fixture(scope="session")
def rounded_bundle(checkpoint_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """The same checkpoint computing in FP32, its weights stored as FP16."""
    return export(checkpoint_path, tmp_path_factory.mktemp("rounded") / "engines", weights="fp16")


@pytest.fixture
def bundle_copy(bundle: Bundle, tmp_path: Path) -> Path:
    return Path(shutil.copytree(bundle.path, tmp_path / "engines"))


@pytest.fixture(scope="session")
def sketch_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from PIL import Image

    path = tmp_path_factory.mktemp("inputs") / "sketch.png"
    Image.fromarray(sample_label_map(size=512)).save(path)
    return path


@pytest.fixture(scope="session")
def photo_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from PIL import Image

    path = tmp_path_factory.mktemp("inputs") / "photo.png"
    Image.fromarray(sample_appearance(size=300)).save(path)
    return path
