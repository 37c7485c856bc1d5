"""The labelled strokes of a portrait's sketch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sfx.calibration.portraits.curve_tools import Points, arc_length, blend, resampled_every
from sfx.calibration.portraits.curves import Curves, build
from sfx.calibration.portraits.detail_strokes import dense_strokes
from sfx.calibration.portraits.geometry import Geometry
from sfx.calibration.portraits.outline_strokes import (
    EAR_LOBE,
    lookup,
    on_canvas,
    outline_strokes,
)
from sfx.calibration.portraits.painter import IndexPainter, path_of
from sfx.calibration.portraits.regions import Region, region_of
from sfx.calibration.portraits.style import EyeDrawing, MouthDrawing, NoseDrawing, SketchStyle

LEFT_EYE, RIGHT_EYE, GLASSES, LEFT_BROW, RIGHT_BROW, NOSE, MOUTH, EARRING, NECKLACE = range(1, 10)
LEFT_EAR, RIGHT_EAR, HAT, NECK, HAIR, CLOTHES = range(11, 17)

_SEGMENTATION_SIZE = 512
_FEATURE_STEP = 1.2
"""Distance of points along a feature's line, canvas units."""


@dataclass(frozen=True, eq=False)
class LabelledStroke:
    """One line of a sketch: float32 points (n, 2) on the 256-unit canvas, and the class it draws."""

    points: NDArray[np.float32]
    label: int
    closed: bool


RawStroke = tuple[Points, int, bool]


class _Visibility:
    """Cuts lines where something hides them."""

    def __init__(self, curves: Curves, segmentation: NDArray[np.uint8]) -> None:
        self._segmentation = segmentation
        self._lenses = _dark_lenses(curves)
        shape = curves.beard.shape
        self._beard = None if shape is None else _mask([shape])

    def cut(
        self, points: Points, label: int, closed: bool, hidden_by: tuple[Region, ...], under_lens: bool = True
    ) -> Iterator[RawStroke]:
        """The visible pieces of a line on the face."""
        line = np.concatenate([points, points[:1]]) if closed else points
        line = resampled_every(line, _FEATURE_STEP)
        visible = on_canvas(line)
        if hidden_by:
            hiding = np.zeros(len(Region), dtype=np.bool_)
            hiding[list(hidden_by)] = True
            visible &= ~hiding[lookup(self._segmentation, line)]
        if under_lens and self._lenses is not None:
            visible &= lookup(self._lenses, line) == 0
        yield from self._pieces(line, visible, label, closed)

    def not_under_beard(self, stroke: RawStroke) -> Iterator[RawStroke]:
        """A stroke of neck or clothes without what a long beard covers."""
        points, label, closed = stroke
        if self._beard is None:
            yield stroke
            return
        yield from self._pieces(points, lookup(self._beard, points) == 0, label, closed)

    @staticmethod
    def _pieces(line: Points, visible: NDArray[np.bool_], label: int, closed: bool) -> Iterator[RawStroke]:
        if visible.all():
            yield (line[:-1] if closed and np.allclose(line[0], line[-1]) else line), label, closed
            return
        edges = np.flatnonzero(np.diff(np.concatenate([[0], visible.astype(np.int8), [0]])))
        for first, last in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
            if last - first >= 3:
                yield line[first:last], label, False


def _mask(shapes: list[Points]) -> NDArray[np.uint8]:
    painter = IndexPainter(_SEGMENTATION_SIZE)
    for shape in shapes:
        painter.fill(path_of(shape), 1)
    return painter.indices()


def _dark_lenses(curves: Curves) -> NDArray[np.uint8] | None:
    glasses = curves.wear.glasses
    if glasses is None or not curves.geometry.glasses.dark:
        return None
    return _mask(list(glasses.lenses))


def _eye_lines(curves: Curves, style: SketchStyle) -> Iterator[RawStroke]:
    for eye, label in ((curves.features.left_eye, LEFT_EYE), (curves.features.right_eye, RIGHT_EYE)):
        if style.eyes is EyeDrawing.LINE:
            yield eye.upper, label, False
            continue
        yield eye.outline, label, True
        if style.eyes in (EyeDrawing.LIDS, EyeDrawing.IRIS):
            yield eye.crease, label, False
        if style.eyes is EyeDrawing.IRIS:
            angle = np.linspace(0.0, 2 * np.pi, 28, endpoint=False)
            circle = np.stack([np.cos(angle), np.sin(angle)], axis=1)
            iris = circle * eye.iris_radius + eye.iris
            # The lids hide the top and the bottom of the iris.
            top = np.interp(iris[:, 0], *_increasing(eye.upper))
            bottom = np.interp(iris[:, 0], *_increasing(eye.lower))
            visible = (iris[:, 1] > top + 0.3) & (iris[:, 1] < bottom - 0.3)
            yield from _pieces_of_ring(iris, visible, label)
            if style.dense:
                yield circle * (np.array(eye.iris_radius) * 0.44) + eye.iris, label, True


def _pieces_of_ring(ring: Points, visible: NDArray[np.bool_], label: int) -> Iterator[RawStroke]:
    if visible.all():
        yield ring, label, True
        return
    start = int(np.flatnonzero(~visible)[0])
    ring, visible = np.roll(ring, -start, axis=0), np.roll(visible, -start)
    edges = np.flatnonzero(np.diff(np.concatenate([visible.astype(np.int8), [0]]))) + 1
    for first, last in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        if last - first >= 3:
            yield ring[first:last], label, False


def _increasing(line: Points) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    order = np.argsort(line[:, 0])
    return line[order, 0], line[order, 1]


def _brow_lines(curves: Curves, style: SketchStyle) -> Iterator[RawStroke]:
    for brow, label in ((curves.features.left_brow, LEFT_BROW), (curves.features.right_brow, RIGHT_BROW)):
        if style.brow_lines:
            yield brow.centre, label, False
        else:
            yield brow.outline, label, True


def _nose_lines(curves: Curves, style: SketchStyle) -> Iterator[RawStroke]:
    nose = curves.features.nose
    if style.nose is NoseDrawing.FULL:
        yield nose.full, NOSE, False
    elif style.nose is NoseDrawing.CLOSED:
        skip = 6
        yield nose.full[skip:-skip], NOSE, True
    elif style.nose is NoseDrawing.LOWER:
        yield nose.lower, NOSE, False
    elif style.nose is NoseDrawing.BASE:
        margin = len(nose.wings[0]) - 12
        yield nose.lower[margin:-margin], NOSE, False
    else:
        away = 0 if curves.geometry.pose.yaw > 0 else 1
        yield nose.sides[away][6:], NOSE, False
        yield nose.lower, NOSE, False
    if style.dense or style.nose is NoseDrawing.CLOSED:
        for nostril in nose.nostrils:
            yield nostril[: len(nostril) // 2 + 4], NOSE, False


def _mouth_lines(curves: Curves, style: SketchStyle) -> Iterator[RawStroke]:
    mouth = curves.features.mouth
    count = len(mouth.upper)
    if style.mouth is MouthDrawing.FEW_LINES:
        yield mouth.upper_inner, MOUTH, False
        if mouth.opening is not None:
            yield mouth.lower_inner, MOUTH, False
        yield mouth.lower[int(count * 0.3) : int(count * 0.7)], MOUTH, False
        if curves.geometry.mouth.bow > 0.6:
            yield mouth.upper[int(count * 0.28) : int(count * 0.72)], MOUTH, False
    else:
        yield mouth.outline, MOUTH, True
        if style.mouth is MouthDrawing.FULL or mouth.opening is not None:
            yield mouth.upper_inner, MOUTH, False
        if mouth.opening is not None:
            yield mouth.lower_inner, MOUTH, False
    if mouth.teeth is not None and (style.mouth is MouthDrawing.FULL or style.dense):
        edge = mouth.teeth[count:][::-1]
        yield edge[4:-4], MOUTH, False


def _glasses_lines(curves: Curves, style: SketchStyle) -> Iterator[RawStroke]:
    glasses = curves.wear.glasses
    if glasses is None:
        return
    for lens in glasses.lenses:
        thickness = curves.geometry.glasses.thickness * curves.geometry.pose.scale
        if style.thick_frames and thickness > 2.0:
            centre = lens.mean(axis=0)
            reach = np.ptp(lens, axis=0) / 2
            yield centre + (lens - centre) * (1.0 + thickness / 2 / reach), GLASSES, True
            yield centre + (lens - centre) * (1.0 - thickness / 2 / reach), GLASSES, True
        else:
            yield lens, GLASSES, True
    for line in (glasses.bridge, glasses.brow_bar):
        if line is not None:
            yield line, GLASSES, False


def _jewellery_lines(curves: Curves) -> Iterator[RawStroke]:
    wear = curves.wear
    for earring in (wear.left_earring, wear.right_earring):
        if earring is not None:
            for outline in earring.outlines:
                yield outline, EARRING, True
            if earring.hook is not None:
                yield earring.hook, EARRING, False


def _hair_lines(curves: Curves, style: SketchStyle) -> Iterator[RawStroke]:
    for strand in curves.hair.strands:
        yield strand, HAIR, False
    beard = curves.beard
    if beard.upper_edge is not None and beard.shape is not None:
        edge = beard.upper_edge
        yield edge, HAIR, False
        if curves.geometry.beard.length > 3.0:
            rest = beard.shape[len(edge) :]
            yield rest[len(rest) // 5 : -len(rest) // 5], HAIR, False
        if style.dense or curves.geometry.hair.strands > 0:
            for line in beard.hairs:
                yield line, HAIR, False
    elif beard.shape is not None:
        yield beard.shape, HAIR, True
    if beard.moustache is not None:
        yield beard.moustache, HAIR, True


def _ear_lines(curves: Curves, style: SketchStyle) -> Iterator[tuple[RawStroke, Region]]:
    ears = (
        (curves.head.left_ear, LEFT_EAR, Region.LEFT_EAR),
        (curves.head.right_ear, RIGHT_EAR, Region.RIGHT_EAR),
    )
    for ear, label, region in ears:
        if ear is not None and style.ear_folds:
            yield (ear.inner, label, False), region


def _clothes_lines(curves: Curves, style: SketchStyle) -> Iterator[RawStroke]:
    worn = curves.wear.clothes
    if worn is None or not style.clothes:
        return
    for flap in worn.flaps:
        yield flap, CLOTHES, True
    if worn.hem is not None and style.hems:
        yield worn.hem, CLOTHES, False
    if style.dense:
        for fold in worn.folds:
            yield fold, CLOTHES, False


def _all_lines(curves: Curves, style: SketchStyle) -> Iterator[RawStroke]:
    segmentation = region_of(curves, _SEGMENTATION_SIZE)
    sight = _Visibility(curves, segmentation)
    over = (Region.HAIR, Region.HAT)
    everything_but = {region: tuple(other for other in Region if other is not region) for region in Region}
    for stroke in outline_strokes(curves, segmentation, style.clothes, style.neck):
        if stroke[1] in (NECK, CLOTHES):
            yield from sight.not_under_beard(stroke)
        else:
            yield stroke
    for points, label, closed in _hair_lines(curves, style):
        beard_like = closed or label != HAIR
        only_in_hair = not beard_like and any(points is strand for strand in curves.hair.strands)
        hidden = everything_but[Region.HAIR] if only_in_hair else over
        yield from sight.cut(points, label, closed, hidden, under_lens=not only_in_hair)
    for (points, label, closed), region in _ear_lines(curves, style):
        yield from sight.cut(points, label, closed, everything_but[region], under_lens=False)
    for points, label, closed in _clothes_lines(curves, style):
        for stroke in sight.cut(points, label, closed, everything_but[Region.CLOTHES], under_lens=False):
            yield from sight.not_under_beard(stroke)
    if curves.wear.hat is not None:
        yield from sight.cut(curves.wear.hat.shapes[-1], HAT, True, (), under_lens=False)
        for seam in curves.wear.hat.lines:
            yield from sight.cut(seam, HAT, False, everything_but[Region.HAT], under_lens=False)
    if curves.wear.necklace is not None:
        chain = (curves.wear.necklace, NECKLACE, False), (curves.wear.pendant, NECKLACE, True)
        for line, label, closed in chain:
            if line is not None:
                yield from sight.cut(line, label, closed, everything_but[Region.NECK], under_lens=False)
    for lines in (_nose_lines, _mouth_lines, _brow_lines):
        for points, label, closed in lines(curves, style):
            yield from sight.cut(points, label, closed, over)
    for points, label, closed in _glasses_lines(curves, style):
        yield from sight.cut(points, label, closed, (Region.HAT,), under_lens=False)
    if curves.wear.glasses is not None:
        for arm in curves.wear.glasses.temples:
            hidden = (*over, Region.LEFT_EAR, Region.RIGHT_EAR)
            yield from sight.cut(arm, GLASSES, False, hidden)
    for points, label, closed in _eye_lines(curves, style):
        yield from sight.cut(points, label, closed, over)
    for points, label, closed in _jewellery_lines(curves):
        yield from sight.cut(points, label, closed, (Region.HAT,), under_lens=False)
    if style.lobe_dab:
        for ear in (curves.head.left_ear, curves.head.right_ear):
            if ear is not None:
                dab = ear.lobe + np.array([[-1.5, -3.0], [-0.5, 0.0], [-1.5, 3.0]])
                yield from sight.cut(dab, EAR_LOBE, False, over, under_lens=False)
                break
    if style.dense:
        yield from dense_strokes(curves, segmentation, style)


def _drift(count: int, length: float, amount: float, rng: np.random.Generator) -> Points:
    """A slow random walk of a hand, smooth over about 25 units."""
    knots = max(3, int(length / 25.0) + 2)
    values = rng.normal(0.0, amount, (knots, 2))
    place = np.linspace(0.0, knots - 1.0, count)
    low = np.minimum(place.astype(np.int64), knots - 2)
    part = place - low
    part = part * part * (3.0 - 2.0 * part)
    return blend(values[low], values[low + 1], part)


def _drawn_by_hand(style: SketchStyle) -> Callable[[RawStroke], LabelledStroke | None]:
    rng = np.random.default_rng(style.seed)
    optional = {NECK, CLOTHES, HAIR, NECKLACE, LEFT_EAR, RIGHT_EAR}

    def draw(stroke: RawStroke) -> LabelledStroke | None:
        points, label, closed = stroke
        length = float(arc_length(points)[-1])
        # The silhouette of the hair is long, and cannot be guessed by a reader.
        if label in optional and not (label == HAIR and length > 60.0) and rng.random() < style.missing:
            return None
        if style.wobble > 0:
            # Small features stay recognisable: a short line drifts less.
            amount = style.wobble * min(1.0, 0.25 + length / 90.0)
            drift = _drift(len(points), length, amount, rng)
            if closed:
                fade = np.linspace(0.0, 1.0, len(points))[:, None]
                drift = drift * (1.0 - fade) + drift[:1] * fade
            points = points + drift
        return LabelledStroke(points.astype(np.float32), label, closed)

    return draw


def strokes(geometry: Geometry, style: SketchStyle = SketchStyle.CLEAN) -> tuple[LabelledStroke, ...]:
    """The visible lines of the portrait, outlines first, features after them.

    Points are float32 (n, 2), n >= 2, on the 256-unit canvas; labels are class ids of `sfx.labels`. A closed
    stroke does not repeat its first point. Equal arguments give equal strokes. Needs skia-python.
    """
    curves = build(geometry)
    draw = _drawn_by_hand(style)
    drawn = (draw(stroke) for stroke in _all_lines(curves, style))
    return tuple(stroke for stroke in drawn if stroke is not None)
