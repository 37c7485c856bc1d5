"""The labelled strokes of a portrait's sketch."""

from __future__ import annotations

from collections.abc import Iterator

from sfx.calibration.portraits.curves import Curves, build
from sfx.calibration.portraits.detail_strokes import dense_strokes
from sfx.calibration.portraits.feature_strokes import brow_lines, eye_lines, mouth_lines, nose_lines
from sfx.calibration.portraits.geometry import Geometry
from sfx.calibration.portraits.hand import Hand, LabelledStroke
from sfx.calibration.portraits.label_ids import Label
from sfx.calibration.portraits.outline_strokes import outline_strokes
from sfx.calibration.portraits.regions import Region
from sfx.calibration.portraits.style import SketchStyle
from sfx.calibration.portraits.visibility import ALL_BUT, RawStroke, Visibility
from sfx.calibration.portraits.worn_strokes import (
    beard_lines,
    clothes_lines,
    ear_lines,
    glasses_lines,
    jewellery_lines,
    lobe_line,
    necklace_lines,
    strand_lines,
)

_OVER_FACE = (Region.HAIR, Region.HAT)
"""What hides a line that lies on the face."""


def _outlines(curves: Curves, style: SketchStyle, sight: Visibility) -> Iterator[RawStroke]:
    for stroke in outline_strokes(curves, sight.segmentation, style.clothes, style.neck):
        if stroke[1] in (Label.NECK, Label.CLOTHES):
            yield from sight.not_under_beard(stroke)
        else:
            yield stroke


def _hair_and_clothes(curves: Curves, style: SketchStyle, sight: Visibility) -> Iterator[RawStroke]:
    for stroke in strand_lines(curves):
        yield from sight.cut(stroke, ALL_BUT[Region.HAIR])
    for stroke in beard_lines(curves, style):
        yield from sight.cut(stroke, _OVER_FACE, under_lenses=True)
    for stroke, region in ear_lines(curves, style):
        yield from sight.cut(stroke, ALL_BUT[region])
    for stroke in clothes_lines(curves, style):
        for piece in sight.cut(stroke, ALL_BUT[Region.CLOTHES]):
            yield from sight.not_under_beard(piece)
    hat = curves.wear.hat
    if hat is not None:
        yield from sight.cut((hat.shapes[-1], Label.HAT, True), ())
        for seam in hat.lines:
            yield from sight.cut((seam, Label.HAT, False), ALL_BUT[Region.HAT])
    for stroke in necklace_lines(curves):
        yield from sight.cut(stroke, ALL_BUT[Region.NECK])


def _features(curves: Curves, style: SketchStyle, sight: Visibility) -> Iterator[RawStroke]:
    for lines in (nose_lines, mouth_lines, brow_lines):
        for stroke in lines(curves, style):
            yield from sight.cut(stroke, _OVER_FACE, under_lenses=True)
    for stroke in glasses_lines(curves, style):
        yield from sight.cut(stroke, (Region.HAT,))
    if curves.wear.glasses is not None:
        for arm in curves.wear.glasses.temples:
            hidden = (*_OVER_FACE, Region.LEFT_EAR, Region.RIGHT_EAR)
            yield from sight.cut((arm, Label.GLASSES, False), hidden, under_lenses=True)
    for stroke in eye_lines(curves, style):
        yield from sight.cut(stroke, _OVER_FACE, under_lenses=True)
    for stroke in jewellery_lines(curves):
        yield from sight.cut(stroke, (Region.HAT,))
    if style.lobe_dab:
        for stroke in lobe_line(curves):
            yield from sight.cut(stroke, _OVER_FACE)


def _all_lines(curves: Curves, style: SketchStyle) -> Iterator[RawStroke]:
    sight = Visibility(curves)
    yield from _outlines(curves, style, sight)
    yield from _hair_and_clothes(curves, style, sight)
    yield from _features(curves, style, sight)
    if style.dense:
        yield from dense_strokes(curves, sight.segmentation, style)


def strokes(geometry: Geometry, style: SketchStyle = SketchStyle.CLEAN) -> tuple[LabelledStroke, ...]:
    """The visible lines of the portrait, outlines first, features after them.

    Points are float32 (n, 2), n >= 2, on the 256-unit canvas; labels are class ids of `sfx.labels`. A closed
    stroke does not repeat its first point. Equal arguments give equal strokes. Needs skia-python.
    """
    curves = build(geometry)
    hand = Hand(style)
    drawn = (hand.draw(stroke) for stroke in _all_lines(curves, style))
    return tuple(stroke for stroke in drawn if stroke is not None)
