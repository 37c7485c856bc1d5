"""What a sketch does not say: colours, light, and marks of the skin."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from sfx.calibration.portraits.colours import Colour, adjusted, from_oklch, lightness_of, mix, to_oklch
from sfx.calibration.portraits.curve_tools import smoothstep


@dataclass(frozen=True)
class Appearance:
    """Colours are sRGB in 0..1; strengths are 0..1.

    What few portraits wear goes with what nearly all of them show, so that any portrait tells which colour it would
    have. While it did not, jewellery was drawn in the mean of gold and silver, which on skin is hardly seen.
    """

    skin: Colour
    hair: Colour
    eye: Colour
    lip: Colour
    clothes: Colour
    trim: Colour
    """The second colour of the clothes: collar, hem; also a hat's band."""
    hat: Colour
    """Goes with the clothes."""
    background: Colour
    background_end: Colour
    background_angle: float
    """Direction of the background's gradient, radians from straight down."""
    frame: Colour
    """Of glasses: goes with the hair."""
    lens: Colour
    """Of dark glasses, which mirror the background."""
    metal: Colour
    """Of jewellery: silver goes with cool clothes, gold with all others."""
    light_x: float
    """Where the light comes from, -1 left .. 1 right of the picture."""
    light: float
    """Contrast of light and shade."""
    blush: float
    freckles: float
    wrinkles: float
    stubble: float


_SKIN_LADDER: tuple[tuple[float, float, float], ...] = (
    (0.910, 0.042, 53.0),
    (0.875, 0.053, 54.0),
    (0.815, 0.070, 57.0),
    (0.745, 0.083, 58.0),
    (0.665, 0.088, 57.0),
    (0.580, 0.082, 54.0),
    (0.495, 0.072, 50.0),
    (0.415, 0.058, 46.0),
)
"""OKLCH of skin from very light to very dark, close to the ten steps of the Monk scale."""

_HAIR_COLOURS: tuple[tuple[float, Colour], ...] = (
    (0.20, (0.10, 0.085, 0.09)),
    (0.19, (0.19, 0.125, 0.10)),
    (0.17, (0.31, 0.20, 0.135)),
    (0.10, (0.46, 0.30, 0.18)),
    (0.08, (0.66, 0.47, 0.27)),
    (0.06, (0.88, 0.73, 0.47)),
    (0.07, (0.62, 0.27, 0.13)),
    (0.05, (0.45, 0.13, 0.11)),
    (0.04, (0.58, 0.58, 0.60)),
    (0.04, (0.86, 0.86, 0.87)),
)
"""(share, colour) of natural hair, greys last."""

_EYE_COLOURS: tuple[tuple[float, Colour], ...] = (
    (0.34, (0.27, 0.16, 0.10)),
    (0.22, (0.44, 0.28, 0.14)),
    (0.10, (0.44, 0.34, 0.17)),
    (0.16, (0.26, 0.47, 0.66)),
    (0.09, (0.32, 0.50, 0.30)),
    (0.07, (0.46, 0.52, 0.56)),
)


def _pick(rng: np.random.Generator, choices: tuple[tuple[float, Colour], ...]) -> Colour:
    shares = np.array([share for share, _ in choices])
    return choices[int(rng.choice(len(choices), p=shares / shares.sum()))][1]


def _skin(rng: np.random.Generator) -> Colour:
    """Even from very light to very dark; undertones from pink to olive at every depth."""
    position = rng.uniform(0.0, len(_SKIN_LADDER) - 1.0)
    step = min(int(position), len(_SKIN_LADDER) - 2)
    part = position - step
    low, high = _SKIN_LADDER[step], _SKIN_LADDER[step + 1]
    lightness, chroma, hue = (a * (1 - part) + b * part for a, b in zip(low, high, strict=True))
    undertone = float(np.clip(rng.normal(0.0, 5.5), -13.0, 13.0))
    return from_oklch(lightness, chroma * rng.uniform(0.88, 1.12), hue + undertone)


def _hair(rng: np.random.Generator, skin: Colour) -> Colour:
    """Natural colours for everyone; on dark skin mostly dark or grey hair, light hair now and then."""
    if rng.random() < 0.06:  # dyed
        return from_oklch(rng.uniform(0.38, 0.72), rng.uniform(0.08, 0.15), rng.uniform(0.0, 360.0))
    first, second = _pick(rng, _HAIR_COLOURS), _pick(rng, _HAIR_COLOURS)
    colour = adjusted(mix(first, second, rng.uniform(0.0, 0.18)), lightness=rng.uniform(0.92, 1.1))
    lightness, chroma, hue = to_oklch(colour)
    if lightness_of(skin) < 0.64 and chroma > 0.02 and rng.random() < 0.8:
        return from_oklch(min(lightness, rng.uniform(0.22, 0.42)), min(chroma, 0.05), hue)
    return colour


def _eye(rng: np.random.Generator, skin: Colour) -> Colour:
    colour = _pick(rng, _EYE_COLOURS)
    if lightness_of(skin) < 0.64 and rng.random() < 0.7:
        colour = _EYE_COLOURS[int(rng.integers(0, 2))][1]
    return adjusted(colour, lightness=rng.uniform(0.9, 1.12))


def _lip(rng: np.random.Generator, skin: Colour) -> Colour:
    """Between the lips' own tone, which follows the skin, and a lipstick."""
    own = adjusted(skin, lightness=0.86, chroma=1.35, hue=-26.0)
    stick = from_oklch(rng.uniform(0.42, 0.64), rng.uniform(0.09, 0.17), rng.uniform(2.0, 32.0))
    amount = rng.uniform(0.05, 0.3) if rng.random() < 0.62 else rng.uniform(0.55, 0.95)
    return mix(own, stick, amount)


def _cloth(rng: np.random.Generator) -> Colour:
    if rng.random() < 0.3:  # black, grey, white
        return from_oklch(rng.uniform(0.24, 0.95), rng.uniform(0.0, 0.015), rng.uniform(0.0, 360.0))
    return from_oklch(rng.uniform(0.32, 0.85), rng.uniform(0.04, 0.15), rng.uniform(0.0, 360.0))


def _frame(rng: np.random.Generator, dark: bool) -> Colour:
    return from_oklch(
        rng.uniform(0.16, 0.34) if dark else rng.uniform(0.4, 0.68),
        rng.uniform(0.0, 0.05) if dark else rng.uniform(0.06, 0.14),
        rng.uniform(0.0, 360.0),
    )


_GOLD: Colour = (0.90, 0.72, 0.36)
_SILVER: Colour = (0.80, 0.82, 0.86)
_WARMEST = 60.0
"""Hue of what is opposite to cool, degrees."""


def _metal(clothes: Colour) -> Colour:
    """Silver to three in ten."""
    _, chroma, hue = to_oklch(clothes)
    coolness = -chroma * math.cos(math.radians(hue - _WARMEST))
    return mix(_GOLD, _SILVER, float(smoothstep(0.005, 0.03, coolness)))


def sample_appearance(rng: np.random.Generator) -> Appearance:
    """A plausible appearance; equal generators give equal appearances."""
    skin = _skin(rng)
    clothes = _cloth(rng)
    background_hue = rng.uniform(0.0, 360.0)
    background_lightness = rng.uniform(0.42, 0.95)
    background_chroma = rng.uniform(0.01, 0.09)
    frame_dark = rng.random() < 0.75
    aged = rng.random() < 0.16
    hair = _hair(rng, skin)
    return Appearance(
        skin=skin,
        hair=hair,
        eye=_eye(rng, skin),
        lip=_lip(rng, skin),
        clothes=clothes,
        trim=_cloth(rng) if rng.random() < 0.45 else adjusted(clothes, lightness=rng.uniform(0.82, 1.1)),
        hat=mix(adjusted(clothes, lightness=0.85), _cloth(rng), 0.15),
        background=from_oklch(background_lightness, background_chroma, background_hue),
        background_end=from_oklch(
            min(max(background_lightness + rng.uniform(-0.16, 0.1), 0.3), 0.97),
            background_chroma * rng.uniform(0.7, 1.4),
            background_hue + rng.uniform(-35.0, 35.0),
        ),
        background_angle=float(rng.uniform(-0.8, 0.8)),
        frame=mix(adjusted(hair, lightness=0.62), _frame(rng, frame_dark), 0.15),
        lens=from_oklch(
            0.10 + 0.28 * background_lightness + rng.uniform(-0.03, 0.03),
            0.6 * background_chroma + rng.uniform(0.0, 0.015),
            background_hue + rng.uniform(-20.0, 20.0),
        ),
        metal=adjusted(_metal(clothes), lightness=rng.uniform(0.95, 1.05)),
        light_x=float(rng.uniform(-1.0, 1.0)),
        light=float(rng.uniform(0.35, 1.0)),
        blush=float(rng.uniform(0.1, 0.8)),
        freckles=float(rng.uniform(0.3, 1.0)) if rng.random() < 0.1 else 0.0,
        wrinkles=float(rng.uniform(0.35, 1.0)) if aged else 0.0,
        stubble=float(rng.uniform(0.3, 0.9)) if rng.random() < 0.12 else 0.0,
    )
