"""Colours as sRGB triples in 0..1, and changes of lightness that keep skin warm.

Shading goes through OKLab (Ottosson 2020, https://bottosson.github.io/posts/oklab/): multiplying sRGB
by a grey makes dark skin ashen, whereas there lightness, saturation and hue move apart.
"""

from __future__ import annotations

import math

Colour = tuple[float, float, float]

WHITE: Colour = (1.0, 1.0, 1.0)


def _to_linear(value: float) -> float:
    return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4


def _from_linear(value: float) -> float:
    value = min(max(value, 0.0), 1.0)
    return 12.92 * value if value <= 0.0031308 else 1.055 * value ** (1 / 2.4) - 0.055


def to_oklch(colour: Colour) -> tuple[float, float, float]:
    """Lightness 0..1, chroma 0..about 0.3, hue in degrees."""
    red, green, blue = (_to_linear(c) for c in colour)
    long = math.cbrt(0.4122214708 * red + 0.5363325363 * green + 0.0514459929 * blue)
    medium = math.cbrt(0.2119034982 * red + 0.6806995451 * green + 0.1073969566 * blue)
    short = math.cbrt(0.0883024619 * red + 0.2817188376 * green + 0.6299787005 * blue)
    lightness = 0.2104542553 * long + 0.7936177850 * medium - 0.0040720468 * short
    a = 1.9779984951 * long - 2.4285922050 * medium + 0.4505937099 * short
    b = 0.0259040371 * long + 0.7827717662 * medium - 0.8086757660 * short
    return lightness, math.hypot(a, b), math.degrees(math.atan2(b, a))


def from_oklch(lightness: float, chroma: float, hue: float) -> Colour:
    """The sRGB colour, clipped to 0..1."""
    a = chroma * math.cos(math.radians(hue))
    b = chroma * math.sin(math.radians(hue))
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    return (
        _from_linear(4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short),
        _from_linear(-1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short),
        _from_linear(-0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short),
    )


def mix(first: Colour, second: Colour, amount: float) -> Colour:
    """(1 - amount) * first + amount * second."""
    keep = 1.0 - amount
    return (
        first[0] * keep + second[0] * amount,
        first[1] * keep + second[1] * amount,
        first[2] * keep + second[2] * amount,
    )


def adjusted(colour: Colour, lightness: float = 1.0, chroma: float = 1.0, hue: float = 0.0) -> Colour:
    """Lightness and chroma multiplied, hue turned by degrees."""
    own_lightness, own_chroma, own_hue = to_oklch(colour)
    return from_oklch(min(own_lightness * lightness, 1.0), own_chroma * chroma, own_hue + hue)


def lifted(colour: Colour, amount: float, warmth: float = 0.0) -> Colour:
    """Lightness raised by `amount` (absolute, 0..1), the hue turned towards yellow by `warmth` degrees."""
    lightness, chroma, hue = to_oklch(colour)
    return from_oklch(min(lightness + amount, 0.985), chroma, hue + warmth)


def lightness_of(colour: Colour) -> float:
    """OKLab lightness, 0 black .. 1 white."""
    return to_oklch(colour)[0]
