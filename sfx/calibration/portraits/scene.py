"""What every painting step shares: the curves, the painter, derived colours, and paths made once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from sfx.calibration.portraits.appearance import Appearance
from sfx.calibration.portraits.colours import WHITE, Colour, adjusted, lifted, lightness_of, mix
from sfx.calibration.portraits.curve_tools import Points, moved
from sfx.calibration.portraits.curves import Curves
from sfx.calibration.portraits.painter import Painter, Path, path_of


@dataclass(frozen=True)
class SkinTones:
    """Skin in light and shade. Shade keeps its chroma and reddens, light turns golden: no skin goes grey."""

    base: Colour
    light: Colour
    shade: Colour
    deep: Colour
    line: Colour
    blush: Colour

    @classmethod
    def of(cls, skin: Colour) -> SkinTones:
        """Tones around a base colour; darker skin gets stronger highlights and gentler shade."""
        lightness = lightness_of(skin)
        dark = min(max((0.78 - lightness) / 0.36, 0.0), 1.0)
        return cls(
            base=skin,
            light=lifted(skin, 0.055 + 0.055 * dark, warmth=6.0),
            shade=adjusted(skin, lightness=0.885 - 0.02 * dark, chroma=1.22, hue=-9.0),
            deep=adjusted(skin, lightness=0.70 - 0.04 * dark, chroma=1.28, hue=-14.0),
            line=adjusted(skin, lightness=0.52 - 0.06 * dark, chroma=1.05, hue=-16.0),
            blush=adjusted(skin, lightness=0.90 - 0.02 * dark, chroma=1.75 + 0.1 * dark, hue=-30.0),
        )


class Scene:
    """One picture being painted."""

    def __init__(self, curves: Curves, appearance: Appearance, painter: Painter) -> None:
        self.curves = curves
        self.geometry = curves.geometry
        self.appearance = appearance
        self.painter = painter
        self.tones = SkinTones.of(appearance.skin)
        self.unit = curves.geometry.pose.scale

    @cached_property
    def face(self) -> Path:
        """The face's outline."""
        return path_of(self.curves.head.face)

    @cached_property
    def neck(self) -> Path:
        """Neck and shoulders."""
        return path_of(self.curves.head.neck)

    @cached_property
    def clothes(self) -> Path | None:
        """The clothes' outline, or None."""
        worn = self.curves.wear.clothes
        return None if worn is None else path_of(worn.shape)

    @cached_property
    def hair_light(self) -> Colour:
        """Hair in the light."""
        return lifted(self.appearance.hair, 0.10, warmth=6.0)

    @cached_property
    def hair_dark(self) -> Colour:
        """Hair in the shade."""
        hair = self.appearance.hair
        return adjusted(hair, lightness=0.72 + 0.12 * lightness_of(hair), chroma=1.05)

    @cached_property
    def hair_shine(self) -> Colour:
        """The highlight on hair: strongest on dark hair."""
        return mix(lifted(self.appearance.hair, 0.20, warmth=8.0), WHITE, 0.10)

    def at(self, x: float, y: float, lift: float = 0.0) -> tuple[float, float]:
        """A point of the face's front, head's frame, on the canvas."""
        point = self.curves.place.on_face([(x, y)], lift)[0]
        return float(point[0]), float(point[1])

    def shifted(self, points: Points, x: float, y: float) -> Path:
        """A closed path of the points moved by (x, y)."""
        return path_of(moved(points, x, y))
