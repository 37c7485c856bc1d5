"""What `sfx calibrate` writes into a manifest: which layers go to INT8, what the others compute in, and the price."""

from __future__ import annotations

from dataclasses import dataclass

from sfx.engines.json_keys import Keys
from sfx.errors import BundleError

PRECISIONS = ("fp32", "bf16", "fp16", "int8")
"""What a layer of a plan computes in."""


@dataclass(frozen=True)
class SetDescription:
    """The pairs that ranges and damage were measured on: where from, how many, and a hash of their bytes."""

    source: str
    seed: int | None
    """Of the portrait generator; None for a folder."""
    pairs: int
    sha256: str


@dataclass(frozen=True)
class LayerPrecision:
    """One convolution of a graph, by its name there, and what it computes in."""

    graph: str
    layer: str
    precision: str


@dataclass(frozen=True)
class Price:
    """How far the pictures are from those of the same graphs without INT8 computed in FP32, as bytes.

    `psnr_db` over all pixels of all faces, `worst_psnr_db` of the worst face; `dissimilarity` is 1 - SSIM, the mean
    over the faces, 0 for the same picture.
    """

    backend: str
    precision: str
    """What the backend was asked for: what the layers compute in there that are not in INT8."""
    faces: str
    """Which pictures: of the calibration set, or of the proof's inputs, on which nothing was chosen."""
    psnr_db: float
    worst_psnr_db: float
    dissimilarity: float

    def __str__(self) -> str:
        return (
            f"{self.backend} {self.precision}, {self.faces}: {self.psnr_db:.1f} dB from FP32, worst face "
            f"{self.worst_psnr_db:.1f} dB, 1 - SSIM {self.dissimilarity:.4f}"
        )


@dataclass(frozen=True)
class Lowering:
    """A precision plan, what it was chosen on and for, and what it was measured to cost."""

    plan: tuple[LayerPrecision, ...]
    chosen_on: SetDescription
    target_psnr_db: float
    most_dissimilarity: float | None
    """Budget of 1 - SSIM, where there was one."""
    prices: tuple[Price, ...]


def read_lowering(keys: Keys) -> Lowering:
    """The manifest's key `lowering`. Raises BundleError naming the key that is wrong."""
    chosen_on = keys.child("chosen_on")
    return Lowering(
        plan=tuple(_layer(entry) for entry in keys.children("plan")),
        chosen_on=SetDescription(
            chosen_on.get("source", str),
            chosen_on.get("seed", int) if chosen_on.has("seed") else None,
            chosen_on.get("pairs", int),
            chosen_on.get("sha256", str),
        ),
        target_psnr_db=keys.get("target_psnr_db", float),
        most_dissimilarity=keys.get("most_dissimilarity", float) if keys.has("most_dissimilarity") else None,
        prices=tuple(_price(entry) for entry in keys.children("prices")),
    )


def _layer(keys: Keys) -> LayerPrecision:
    precision = keys.get("precision", str)
    if precision not in PRECISIONS:
        raise BundleError(
            f"key '{keys.where}.precision': expected one of {', '.join(PRECISIONS)}, found '{precision}'"
        )
    return LayerPrecision(keys.get("graph", str), keys.get("layer", str), precision)


def _price(keys: Keys) -> Price:
    return Price(
        keys.get("backend", str),
        keys.get("precision", str),
        keys.get("faces", str),
        keys.get("psnr_db", float),
        keys.get("worst_psnr_db", float),
        keys.get("dissimilarity", float),
    )
