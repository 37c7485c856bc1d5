"""Drawing a calibration set's faces, as a whole or with one graph exchanged."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from sfx.calibration.sets import CalibrationSet
from sfx.engines.backends import Choice
from sfx.engines.bundle import Bundle
from sfx.engines.cache import without_cache
from sfx.runtime.pipeline import Pipeline

Pixels = NDArray[np.uint8]


def draw(pipeline: Pipeline, pairs: CalibrationSet) -> Pixels:
    """The faces of all pairs, (N, output_size, output_size, 3) RGB."""
    return _synthesized(pipeline, _sketch_codes(pipeline, pairs), _appearance_codes(pipeline, pairs))


def draw_with(bundle: Bundle, choice: Choice, pairs: CalibrationSet) -> Pixels:
    """The same by engines that are made for it alone; nothing of a bundle in the making goes to the cache."""
    with without_cache(), Pipeline(bundle, choice, calls=1) as pipeline:
        return draw(pipeline, pairs)


class Fp32Faces:
    """What graphs without INT8 make of a set, computed in FP32: the faces, and every graph's inputs on the way.

    The synthesis stays loaded, so that exchanging one graph costs that graph's engine alone.
    """

    def __init__(self, bundle: Bundle, choice: Choice, pairs: CalibrationSet) -> None:
        self._pipeline = Pipeline(bundle, choice)
        self._choice = choice
        self._pairs = pairs
        with Pipeline(bundle, choice, calls=len(pairs)) as encoders:
            self._sketch_codes = list(_sketch_codes(encoders, pairs))
            self._appearance_codes = list(_appearance_codes(encoders, pairs))
        self.faces = _synthesized(self._pipeline, self._sketch_codes, self._appearance_codes)

    def feeds(self, graph: str) -> Iterator[Mapping[str, Any]]:
        """What `graph` is fed for each pair, batch 1."""
        if graph == "synthesis":
            for codes in zip(self._sketch_codes, self._appearance_codes, strict=True):
                yield {"codes": self._pipeline.combine(*codes)}
        elif graph == "sketch_encoder":
            yield from ({"label_map": one[None]} for one in self._pairs.label_maps)
        else:
            yield from ({"appearance": one[None]} for one in self._pairs.photos)

    def exchanged(self, bundle: Bundle, graph: str) -> Pixels:
        """The faces where `graph` alone is taken from `bundle`."""
        with without_cache(), Pipeline(bundle, self._choice, calls=1) as other:
            sketch_codes, appearance_codes = self._sketch_codes, self._appearance_codes
            if graph == "sketch_encoder":
                sketch_codes = list(_sketch_codes(other, self._pairs))
            if graph == "appearance_encoder":
                appearance_codes = list(_appearance_codes(other, self._pairs))
            synthesis = other if graph == "synthesis" else self._pipeline
            return _synthesized(synthesis, sketch_codes, appearance_codes)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pipeline.close()


def _synthesized(pipeline: Pipeline, sketch_codes: Iterable[Any], appearance_codes: Iterable[Any]) -> Pixels:
    pairs = zip(sketch_codes, appearance_codes, strict=True)
    return np.concatenate([pipeline.synthesize(pipeline.combine(*codes)) for codes in pairs])


def _sketch_codes(pipeline: Pipeline, pairs: CalibrationSet) -> Iterator[Any]:
    return (pipeline.encode_sketch(one) for one in pairs.label_maps)


def _appearance_codes(pipeline: Pipeline, pairs: CalibrationSet) -> Iterator[Any]:
    return (pipeline.encode_appearance(one) for one in pairs.photos)
