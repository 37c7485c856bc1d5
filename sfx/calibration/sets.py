"""Calibration sets: pairs of label map and photo that stand for what a model will be given.

Drawn from a seed by the portrait generator, or read from a folder of the user's own sketches and photos.
The same request gives the same bytes, and is kept in the cache.
"""

from __future__ import annotations

import hashlib
import io
import logging
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sfx import __version__
from sfx.config import ModelConfig
from sfx.engines.cache import cache_directory
from sfx.engines.files import write_whole
from sfx.engines.lowering import SetDescription
from sfx.errors import EngineError, InputError
from sfx.runtime.pairing import picture_files, sketch_files
from sfx.runtime.pictures import fit_appearance, read_picture
from sfx.runtime.sketches import SketchReader, Tell

Pixels = NDArray[np.uint8]

PORTRAITS = "portraits drawn by sfx"
SKETCHES, PHOTOS = "sketches", "photos"
"""The folders that a user's data directory holds."""
MOST_PAIRS = 1024
"""At the published sizes a pair takes 0.85 MB, and a set is held in memory as a whole."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class CalibrationSet:
    """Pairs for one model: `label_maps` uint8 (N, side, side), `photos` uint8 RGB (N, photo side, photo side, 3)."""

    label_maps: Pixels
    photos: Pixels
    description: SetDescription

    def __len__(self) -> int:
        return len(self.label_maps)


def portrait_set(config: ModelConfig, pairs: int, seed: int = 0) -> CalibrationSet:
    """`pairs` portraits: the sketch of one person and the picture of another, as in use.

    Pair number i is the same however many there are. Raises InputError for a number out of bounds,
    MissingPackageError without skia-python.
    """
    _check_pairs(pairs)
    key = f"portraits-{__version__}-{seed}-{pairs}-{config.encoder_size}-{config.appearance_size}"
    return _kept(key, PORTRAITS, seed, lambda: _drawn(config, pairs, seed))


def folder_set(config: ModelConfig, folder: Path, pairs: int, tell: Tell = lambda _: None) -> CalibrationSet:
    """The first `pairs` sketches of `folder/sketches` by name, with the photos of `folder/photos` in turn.

    Sketches are read as `sfx run` reads them, label maps and plain drawings alike. Raises InputError where a
    folder is missing or empty, or a file cannot be used.
    """
    _check_pairs(pairs)
    for name in (SKETCHES, PHOTOS):
        if not (folder / name).is_dir():
            raise InputError(
                f"{folder / name}: expected a folder with {name}, found none; --data takes a folder that holds "
                f"'{SKETCHES}' and '{PHOTOS}'"
            )
    sketches = sketch_files([folder / SKETCHES])[:pairs]
    photos = picture_files(folder / PHOTOS)
    used = [photos[number % len(photos)] for number in range(len(sketches))]
    files = hashlib.sha256()
    for path in (*sketches, *used):
        files.update(hashlib.sha256(path.read_bytes()).digest())
    key = f"folder-{__version__}-{files.hexdigest()[:32]}-{config.encoder_size}-{config.appearance_size}"
    return _kept(key, f"folder {folder.name}", None, lambda: _read(config, sketches, used, tell))


def _check_pairs(pairs: int) -> None:
    if not 1 <= pairs <= MOST_PAIRS:
        raise InputError(f"calibration set: expected 1 to {MOST_PAIRS} pairs, found {pairs}")


def _drawn(config: ModelConfig, pairs: int, seed: int) -> tuple[Pixels, Pixels]:
    from sfx.calibration.portraits import label_map, picture, sample_appearance, sample_geometry, sample_style

    label_maps, photos = [], []
    for number in range(pairs):
        rng = np.random.default_rng([seed, number])
        geometry = sample_geometry(rng)
        label_maps.append(label_map(geometry, sample_style(rng, geometry), config.encoder_size))
        photos.append(picture(sample_geometry(rng), sample_appearance(rng), config.appearance_size))
    return np.stack(label_maps), np.stack(photos)


def _read(config: ModelConfig, sketches: list[Path], photos: list[Path], tell: Tell) -> tuple[Pixels, Pixels]:
    reader = SketchReader(config.encoder_size, tell=tell)
    try:
        label_maps = [reader.read(path).labels for path in sketches]
    finally:
        reader.close()
    fitted = {
        path: fit_appearance(read_picture(path), config.appearance_size) for path in dict.fromkeys(photos)
    }
    return np.stack(label_maps), np.stack([fitted[path] for path in photos])


def _kept(
    key: str, source: str, seed: int | None, make: Callable[[], tuple[Pixels, Pixels]]
) -> CalibrationSet:
    """The set of this key from the cache, or made and put there."""
    cache = cache_directory()
    path = None if cache is None else cache / "calibration" / f"{key}.npz"
    arrays = None if path is None else _load(path)
    if arrays is None:
        arrays = make()
        if path is not None:
            _keep(path, arrays)
    label_maps, photos = arrays
    digest = hashlib.sha256(label_maps.tobytes() + photos.tobytes()).hexdigest()
    return CalibrationSet(label_maps, photos, SetDescription(source, seed, len(label_maps), digest))


def _load(path: Path) -> tuple[Pixels, Pixels] | None:
    """What an earlier run kept; None where nothing is there, or something damaged that is then made anew."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return arrays["label_maps"], arrays["photos"]
    except (OSError, ValueError, KeyError, zipfile.BadZipFile):
        return None


def _keep(path: Path, arrays: tuple[Pixels, Pixels]) -> None:
    content = io.BytesIO()
    np.savez_compressed(content, label_maps=arrays[0], photos=arrays[1])
    try:
        write_whole(path, content.getvalue())
    except EngineError as error:
        _log.warning("the calibration set is not kept: %s", error)
