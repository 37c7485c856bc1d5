"""The pipeline: label map and photo in, face out, through a bundle's engines."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from sfx.config import PREVIEWS, ModelConfig
from sfx.engines.backends import AUTO, Choice, choose
from sfx.engines.bundle import Bundle
from sfx.engines.engine import Array, Engine, Feeds
from sfx.engines.locate import find_bundle
from sfx.engines.recorded import read_arrays
from sfx.errors import BundleError, InputError
from sfx.runtime import codes as codes_of
from sfx.runtime.codes import Codes
from sfx.runtime.pictures import fit_appearance

Pixels = NDArray[np.uint8]


_OUTPUTS = {"synthesis": ("synthesis", "image"), **{name: ("synthesis", name) for name in PREVIEWS}}
"""Parts of the pipeline that are one output of a graph; each other part is the graph of its name as a whole."""


@dataclass(frozen=True)
class Use:
    """What an engine is made for. An engine for few calls starts faster, one for many (None) runs faster."""

    part: str
    batch: int = 1
    calls: int | None = None


class Pipeline:
    """A loaded model. Engines are made when first used, and freed by `close()` or the end of a `with` block, or after
    the last call that was expected of them.

    Nothing is remembered between calls: appearance codes are a value that the caller keeps, so a new sketch
    of the same person costs only the sketch encoder and the synthesis.

    calls: how many an engine is made for that was neither prepared nor expected; None for many.
    """

    def __init__(self, bundle: Bundle, choice: Choice, calls: int | None = None) -> None:
        self.bundle = bundle
        self.choice = choice
        self._calls = calls
        self._engines: dict[str, Engine] = {}
        self._expected: dict[str, Use] = {}
        self._calls_left: dict[str, int] = {}
        """Of engines that are freed after them."""
        self._fine_statistics: tuple[Codes, Codes] | None = None

    @property
    def config(self) -> ModelConfig:
        """The model's numbers: sizes, layers, widths."""
        if self.bundle.manifest.model is None:
            raise BundleError(
                f"{self.bundle.path}: expected a sketch-to-face model, found a bundle without one"
            )
        return self.bundle.manifest.model

    def engine(self, part: str) -> Engine:
        """The engine of one part, a graph or a preview, made if this is its first use."""
        if part not in self._engines:
            self._engines[part] = self._made(self._expected.get(part) or Use(part, calls=self._calls))
        return self._engines[part]

    def _run(self, part: str, feeds: Feeds) -> dict[str, Array]:
        """One call of an engine; after the last that was expected of it, it is freed."""
        outputs = self.engine(part)(feeds)
        if part in self._calls_left:
            self._calls_left[part] -= 1
            if not self._calls_left[part]:
                del self._calls_left[part], self._expected[part]
                self._engines.pop(part).close()
        return outputs

    def expect(self, *uses: Use) -> None:
        """Say what engines will be used for: each is made when its turn comes, and freed after so many calls.

        One engine after the other, instead of all side by side, is what a single face wants: of the published model in
        4.0 s and 1.6 GB instead of 4.3 s and 3.7 GB, and at the very first start, when models are compiled, in 8.6 s
        and 2.9 GB instead of 11.2 s and 6.5 GB. An engine that is there already, and not to be freed, stays.
        """
        for use in uses:
            if use.part in self._engines and use.part not in self._calls_left:
                continue
            self._expected[use.part] = use
            self._calls_left.pop(use.part, None)
            if use.calls is not None:
                self._calls_left[use.part] = use.calls

    def _made(self, use: Use) -> Engine:
        graph, output = _OUTPUTS.get(use.part, (use.part, None))
        return self.choice.load(self.bundle, graph, use.batch, use.calls, output)

    def prepare(self, *uses: Use) -> None:
        """Make engines now, side by side, each ready for its use; they stay until `close()`."""
        missing = [use for use in uses if use.part not in self._engines]
        with ThreadPoolExecutor(max(1, len(missing))) as pool:
            made = pool.map(self._made, missing)
            self._engines.update(zip((use.part for use in missing), made, strict=True))

    def encode_sketch(self, label_maps: Pixels, truncation: float | None = None) -> Codes:
        """Class ids (size, size) or (B, size, size) uint8 -> sketch codes (B, n_styles, width).

        truncation: how many deviations the fine codes may stray from their training mean (`codes.truncate`);
        None for what the bundle is meant to run with, `math.inf` for no truncation. Raises InputError where
        a bundle without statistics is asked to truncate.
        """
        batch = label_maps[None] if label_maps.ndim == 2 else label_maps
        side, classes = self.config.encoder_size, self.config.label_count
        if batch.dtype != np.uint8 or batch.shape[1:] != (side, side) or batch.max(initial=0) > classes:
            raise InputError(
                f"label map: expected uint8 class ids 0..{classes} of shape (B, {side}, {side}), "
                f"found {batch.dtype} {batch.shape} with values up to {batch.max(initial=0)}"
            )
        outputs = self._run("sketch_encoder", {"label_map": np.ascontiguousarray(batch)})
        limit = truncation if truncation is not None else self.bundle.manifest.truncation
        if limit is None or math.isinf(limit):
            return outputs["sketch_codes"]
        mean, deviation = self._statistics(limit)
        fine_codes = outputs["fine_codes"]
        codes = outputs["sketch_codes"]
        codes[:, : self.config.geometry_layers] += (
            codes_of.truncate(fine_codes, mean, deviation, limit) - fine_codes
        )
        return codes

    def _statistics(self, limit: float) -> tuple[Codes, Codes]:
        """Mean and deviation of the fine codes, read once."""
        if self._fine_statistics is None:
            file = self.bundle.manifest.statistics
            if file is None:
                raise InputError(
                    f"truncation {limit:g}: expected a bundle with code statistics, found one without"
                )
            arrays = read_arrays(self.bundle, file)
            try:
                self._fine_statistics = (arrays["fine_mean"], arrays["fine_deviation"])
            except KeyError as error:
                raise BundleError(
                    f"{file.path}: expected an array {error}, found {sorted(arrays)}"
                ) from error
        return self._fine_statistics

    def encode_appearance(self, photos: Pixels) -> Codes:
        """RGB photos (H, W, 3) or (B, H, W, 3) uint8 of any size -> (B, n_styles - geometry_layers, width)."""
        batch = photos[None] if photos.ndim == 3 else photos
        if batch.dtype != np.uint8 or batch.ndim != 4 or batch.shape[3] != 3:
            raise InputError(
                f"photo: expected uint8 RGB of shape (B, H, W, 3), found {batch.dtype} {batch.shape}"
            )
        fitted = np.stack([fit_appearance(photo, self.config.appearance_size) for photo in batch])
        return self._run("appearance_encoder", {"appearance": fitted})["appearance_codes"]

    def map(self, z: Codes) -> Codes:
        """z (B, width) -> w (B, width), the decoder's mapping network."""
        return self._run("mapping", {"z": np.ascontiguousarray(z, np.float32)})["w"]

    def random_w(self, seed: int, count: int = 1) -> Codes:
        """`count` random appearances (count, width), the same for the same seed."""
        return self.map(codes_of.random_z(seed, count, self.config.style_width))

    def combine(self, sketch_codes: Codes, appearance_codes: Codes) -> Codes:
        """Codes of a face that has the sketch's geometry and the photo's appearance."""
        return codes_of.add_appearance(sketch_codes, appearance_codes, self.config.geometry_layers)

    def combine_random(self, sketch_codes: Codes, w: Codes) -> Codes:
        """Codes of a face that has the sketch's geometry and the random appearance `w`."""
        return codes_of.replace_appearance(sketch_codes, w, self.config.geometry_layers)

    def synthesize(self, codes: Codes) -> Pixels:
        """codes (B, n_styles, width) -> faces (B, output_size, output_size, 3) uint8 RGB."""
        return self._run("synthesis", {"codes": np.ascontiguousarray(codes, np.float32)})["image"]

    def preview(self, codes: Codes, name: str = "preview") -> Pixels:
        """codes (B, n_styles, width) -> previews (B, side, side, 3) uint8 RGB, a quarter of a face's side.

        What the layers up to that size have drawn: near the face, but no smaller copy of it. OpenVINO leaves the
        layers above out, other backends compute them all the same. name: "half_preview" for half a face's side.
        Raises InputError for another name, BundleError for a bundle of an earlier sfx.
        """
        if name not in PREVIEWS:
            raise InputError(f"preview {name}: expected one of {', '.join(PREVIEWS)}")
        return self._run(name, {"codes": np.ascontiguousarray(codes, np.float32)})[name]

    def draw(self, label_map: Pixels, appearance_codes: Codes) -> Pixels:
        """One face (output_size, output_size, 3) uint8 RGB from a label map and kept appearance codes."""
        codes = self.combine(self.encode_sketch(label_map), appearance_codes)
        return np.asarray(self.synthesize(codes)[0])

    def close(self) -> None:
        """Free every engine; the pipeline makes them anew if it is used again."""
        while self._engines:
            self._engines.popitem()[1].close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def load(
    bundle: Path | str | None = None, *, backend: str = AUTO, device: str = AUTO, precision: str = AUTO
) -> Pipeline:
    """Open a bundle and settle where it runs.

    bundle: its directory; where None, $SFX_BUNDLE, then ./engines, then the demo model. backend: "auto", or a name
    of `sfx.engines.backends.BACKENDS`. device: "auto", "cpu" or "cuda:N". precision: "auto" is "fp32" on a CPU and
    what was compiled on TensorRT; "bf16" on CPUs that have it.
    Raises BundleError, EngineError or InputError.
    """
    found = find_bundle(Path(bundle) if bundle is not None else None)
    opened = Bundle.open(found.path)
    return Pipeline(opened, choose(backend, device, precision, opened.manifest))
