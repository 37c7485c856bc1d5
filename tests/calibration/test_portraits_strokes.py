"""Sketches of portraits: labels, occlusion, styles."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from sfx.calibration.portraits import (
    Beard,
    BeardStyle,
    EyeDrawing,
    Fringe,
    Geometry,
    Glasses,
    GlassesStyle,
    Hair,
    HairStyle,
    HatStyle,
    Label,
    LabelledStroke,
    MouthDrawing,
    Neckline,
    NoseDrawing,
    SketchStyle,
    Wear,
    draw_strokes,
    label_map,
    mirrored,
    mirrored_label_map,
    parts,
    sample_geometry,
    sample_style,
    strokes,
)
from sfx.labels import MAX_LABEL

pytest.importorskip("skia")

STEADY = replace(SketchStyle.CLEAN, wobble=0.0)
BOB = Hair(
    style=HairStyle.BOB, length=200.0, top_volume=10.0, side_volume=12.0, covers_ears=True, in_front=True
)
SHORT = Hair(style=HairStyle.SHORT, top_volume=12.0, side_volume=5.0, sideburn=132.0)


def labels_of(drawn: tuple[LabelledStroke, ...]) -> set[int]:
    return {stroke.label for stroke in drawn}


def points_of(drawn: tuple[LabelledStroke, ...], label: int) -> NDArray[np.float32]:
    found = [stroke.points for stroke in drawn if stroke.label == label]
    return np.concatenate(found) if found else np.zeros((0, 2), dtype=np.float32)


def test_strokes_keep_their_contract() -> None:
    for seed in range(40):
        rng = np.random.default_rng(seed)
        geometry = sample_geometry(rng)
        for stroke in strokes(geometry, sample_style(rng, geometry)):
            assert stroke.points.dtype == np.float32
            assert stroke.points.ndim == 2
            assert stroke.points.shape[1] == 2
            assert len(stroke.points) >= 2
            assert np.isfinite(stroke.points).all()
            assert stroke.points.min() > -8.0
            assert stroke.points.max() < 264.0
            assert 0 < stroke.label <= MAX_LABEL
            assert stroke.label not in (20, 22)
            if stroke.closed:
                assert not np.array_equal(stroke.points[0], stroke.points[-1])


def test_equal_arguments_draw_equal_sketches() -> None:
    geometry = sample_geometry(np.random.default_rng(1))
    style = replace(SketchStyle.EDGES, seed=3, missing=0.2)
    assert np.array_equal(label_map(geometry, style), label_map(geometry, style))
    assert not np.array_equal(label_map(geometry, style), label_map(geometry, replace(style, seed=4)))


def test_an_exact_hand_draws_every_line_where_the_portrait_has_it() -> None:
    careless = replace(STEADY, wobble=1.1, missing=0.9, clothes=False, neck=False)
    for seed in range(4):
        geometry = sample_geometry(np.random.default_rng(seed))
        steady, exact = strokes(geometry, STEADY), strokes(geometry, careless.exact())
        assert len(strokes(geometry, careless)) < len(exact) == len(steady)
        for one, other in zip(steady, exact, strict=True):
            assert one.label == other.label
            assert np.array_equal(one.points, other.points)


@pytest.mark.parametrize("size", [128, 256, 512])
def test_label_map_is_the_strokes_drawn(size: int) -> None:
    geometry = sample_geometry(np.random.default_rng(2))
    drawn = label_map(geometry, SketchStyle.CLEAN, size)
    assert drawn.shape == (size, size)
    assert drawn.dtype == np.uint8
    assert set(np.unique(drawn).tolist()) - {0} == labels_of(strokes(geometry, SketchStyle.CLEAN))
    # Lines one pixel wide cover a share of the picture that halves where the side doubles.
    assert 0.3 < (drawn > 0).mean() * size / 10.0 < 2.2


def test_width_is_in_pixels() -> None:
    geometry = sample_geometry(np.random.default_rng(2))
    thin = (label_map(geometry, STEADY, 512, width=1.0) > 0).sum()
    thick = (label_map(geometry, STEADY, 512, width=3.0) > 0).sum()
    assert 2.2 < thick / thin < 3.6


def test_features_lie_above_outlines() -> None:
    line = np.array([[10, 10], [100, 10]], dtype=np.float32)
    hair, eye = LabelledStroke(line, Label.HAIR, False), LabelledStroke(line, Label.LEFT_EYE, False)
    for order in ((hair, eye), (eye, hair)):
        assert set(np.unique(draw_strokes(order, 256, 1.0))) == {0, int(Label.LEFT_EYE)}


def test_bald_head_is_a_contour_without_hair() -> None:
    drawn = strokes(Geometry(), STEADY)
    assert Label.HAIR not in labels_of(drawn)
    assert Label.FACE_HAIR not in labels_of(drawn)
    contour = points_of(drawn, Label.FACE_CONTOUR)
    assert contour[:, 1].min() < 40.0


def test_face_outline_is_split_by_its_other_side() -> None:
    geometry = replace(Geometry(), hair=BOB, wear=Wear(neckline=Neckline.CREW))
    drawn = strokes(geometry, STEADY)
    assert {Label.FACE_HAIR, Label.FACE_NECK, Label.HAIR, Label.NECK, Label.CLOTHES} <= labels_of(drawn)
    chin = points_of(drawn, Label.FACE_NECK)
    assert chin[:, 1].min() > 180.0
    masks = parts(geometry, 512)
    for x, y in chin[::5].tolist():
        assert masks.neck[min(int(y * 2) + 5, 511), int(x * 2)]
        assert not masks.neck[int(y * 2) - 5, int(x * 2)]


def test_collar_against_the_jaw_has_its_own_class() -> None:
    worn = Wear(neckline=Neckline.TURTLENECK, neckline_depth=1.0)
    geometry = replace(Geometry(), head=replace(Geometry().head, shoulder=234.0), wear=worn)
    assert Label.FACE_CLOTHES in labels_of(strokes(geometry, STEADY))


def test_hair_over_the_ears_hides_them() -> None:
    assert {Label.LEFT_EAR, Label.RIGHT_EAR} <= labels_of(strokes(replace(Geometry(), hair=SHORT), STEADY))
    covered = labels_of(strokes(replace(Geometry(), hair=BOB), STEADY))
    assert not {Label.LEFT_EAR, Label.RIGHT_EAR} & covered


def test_fringe_hides_brows() -> None:
    low = replace(BOB, fringe=Fringe.BLUNT, fringe_depth=1.6)
    bare = points_of(strokes(replace(Geometry(), hair=BOB), STEADY), Label.LEFT_BROW)
    hidden = points_of(strokes(replace(Geometry(), hair=low), STEADY), Label.LEFT_BROW)
    assert len(hidden) < 0.5 * len(bare)


def test_dark_lenses_hide_eyes_and_clear_ones_do_not() -> None:
    glasses = Glasses(GlassesStyle.ROUND, 25.0, 23.0, 0.0, 2.0, dark=True)
    dark = strokes(replace(Geometry(), glasses=glasses), STEADY)
    clear = strokes(replace(Geometry(), glasses=replace(glasses, dark=False)), STEADY)
    assert Label.LEFT_EYE not in labels_of(dark)
    assert Label.LEFT_EYE in labels_of(clear)
    assert Label.GLASSES in labels_of(dark)


def test_one_piece_sunglasses_are_one_outline() -> None:
    glasses = Glasses(GlassesStyle.ONE_PIECE, 33.0, 18.0, 0.5, 2.0, dark=True)
    drawn = strokes(replace(Geometry(), glasses=glasses), STEADY)
    outlines = [stroke for stroke in drawn if stroke.label == Label.GLASSES and stroke.closed]
    assert len(outlines) == 1
    assert np.ptp(outlines[0].points[:, 0]) > 100.0


def test_beard_does_not_remove_the_jaw() -> None:
    beard = Beard(BeardStyle.FULL, length=12.0, cheek=0.5, moustache=7.0)
    shaved, bearded = strokes(Geometry(), STEADY), strokes(replace(Geometry(), beard=beard), STEADY)
    assert len(points_of(bearded, Label.FACE_NECK)) == len(points_of(shaved, Label.FACE_NECK))
    assert len(points_of(bearded, Label.HAIR)) > 50


def test_hat_hides_the_hair_above_it() -> None:
    geometry = replace(Geometry(), hair=BOB)
    hatted = replace(geometry, wear=Wear(hat=HatStyle.BEANIE, hat_y=80.0, hat_height=5.0))
    assert points_of(strokes(geometry, STEADY), Label.HAIR)[:, 1].min() < 40.0
    drawn = strokes(hatted, STEADY)
    assert points_of(drawn, Label.HAIR)[:, 1].min() > 60.0
    assert Label.HAT in labels_of(drawn)


def test_left_eye_is_on_the_right_of_the_picture() -> None:
    for seed in range(30):
        drawn = strokes(sample_geometry(np.random.default_rng(seed)), STEADY)
        left, right = points_of(drawn, Label.LEFT_EYE), points_of(drawn, Label.RIGHT_EYE)
        if len(left) and len(right):
            assert left[:, 0].mean() > right[:, 0].mean() + 30


def near_to(mask: NDArray[np.bool_], reach: int) -> NDArray[np.bool_]:
    grown = mask.copy()
    for _ in range(reach):
        padded = np.pad(grown, 1)
        grown = (
            padded[1:-1, 1:-1] | padded[:-2, 1:-1] | padded[2:, 1:-1] | padded[1:-1, :-2] | padded[1:-1, 2:]
        )
    return grown


def test_mirroring_exchanges_left_and_right() -> None:
    for seed in range(12):
        geometry = sample_geometry(np.random.default_rng(seed))
        expected = mirrored_label_map(label_map(geometry, STEADY))
        found = label_map(mirrored(geometry), STEADY)
        for label in (1, 2, 4, 5, 6, 7, 10, 14, 15, 17, 18):
            pixels = expected == label
            if pixels.sum() > 60:
                assert (near_to(found == label, 2) & pixels).sum() > 0.9 * pixels.sum(), (seed, label)


def test_mirrored_label_map_swaps_the_paired_classes() -> None:
    labels = np.array([[0, 1, 2, 3], [4, 5, 11, 12]], dtype=np.uint8)
    assert mirrored_label_map(labels).tolist() == [[3, 1, 2, 0], [11, 12, 4, 5]]


def test_edges_are_denser_than_clean_lines() -> None:
    hair = replace(BOB, strands=0.9, strand_seed=5)
    geometry = replace(Geometry(), hair=hair, wear=Wear(neckline=Neckline.V))
    assert len(strokes(geometry, SketchStyle.EDGES)) > 3 * len(strokes(geometry, SketchStyle.CLEAN))
    clean = (label_map(geometry, SketchStyle.CLEAN) == Label.HAIR).sum()
    assert (label_map(geometry, SketchStyle.EDGES) == Label.HAIR).sum() > 1.5 * clean


def test_smooth_hair_has_no_strands_in_any_style() -> None:
    geometry = replace(Geometry(), hair=BOB)
    clean = [s for s in strokes(geometry, SketchStyle.CLEAN) if s.label == Label.HAIR]
    edges = [s for s in strokes(geometry, SketchStyle.EDGES) if s.label == Label.HAIR]
    assert len(clean) == len(edges)


@pytest.mark.parametrize(
    ("label", "less", "more"),
    [
        (Label.LEFT_EYE, {"eyes": EyeDrawing.LINE}, {"eyes": EyeDrawing.OUTLINE}),
        (Label.LEFT_EYE, {"eyes": EyeDrawing.OUTLINE}, {"eyes": EyeDrawing.LIDS}),
        (Label.LEFT_EYE, {"eyes": EyeDrawing.LIDS}, {"eyes": EyeDrawing.IRIS}),
        (Label.NOSE, {"nose": NoseDrawing.BASE}, {"nose": NoseDrawing.LOWER}),
        (Label.NOSE, {"nose": NoseDrawing.LOWER}, {"nose": NoseDrawing.SIDE}),
        (Label.NOSE, {"nose": NoseDrawing.SIDE}, {"nose": NoseDrawing.FULL}),
        (Label.NOSE, {"nose": NoseDrawing.FULL}, {"nose": NoseDrawing.CLOSED}),
        (Label.MOUTH, {"mouth": MouthDrawing.FEW_LINES}, {"mouth": MouthDrawing.OUTER}),
        (Label.MOUTH, {"mouth": MouthDrawing.OUTER}, {"mouth": MouthDrawing.FULL}),
        (Label.LEFT_BROW, {"brow_lines": True}, {"brow_lines": False}),
        (Label.LEFT_EAR, {"ear_folds": False}, {"ear_folds": True}),
        (Label.CLOTHES, {"clothes": False}, {"clothes": True}),
        (Label.CLOTHES, {"hems": False}, {"hems": True}),
        (Label.NECK, {"neck": False}, {"neck": True}),
        (Label.EAR_LOBE, {"lobe_dab": False}, {"lobe_dab": True}),
    ],
)
def test_every_choice_of_a_style_shows(
    label: Label, less: dict[str, object], more: dict[str, object]
) -> None:
    geometry = replace(Geometry(), wear=Wear(neckline=Neckline.CREW))
    fewer = len(points_of(strokes(geometry, replace(STEADY, **less)), label))  # type: ignore[arg-type]
    greater = len(points_of(strokes(geometry, replace(STEADY, **more)), label))  # type: ignore[arg-type]
    assert fewer < greater


def test_thick_frames_have_two_edges() -> None:
    geometry = replace(Geometry(), glasses=Glasses(GlassesStyle.SQUARE, 24.0, 17.0, 0.8, 3.5))
    single = [s for s in strokes(geometry, STEADY) if s.label == Label.GLASSES and s.closed]
    double = strokes(geometry, replace(STEADY, thick_frames=True))
    assert len(single) == 2
    assert len([s for s in double if s.label == Label.GLASSES and s.closed]) == 4


def test_a_drifting_hand_keeps_joined_lines_joined() -> None:
    geometry = replace(Geometry(), hair=BOB, wear=Wear(neckline=Neckline.CREW))

    def widest_gap(style: SketchStyle) -> float:
        outline = {Label.FACE_HAIR, Label.FACE_NECK, Label.FACE_CONTOUR}
        pieces = [s.points for s in strokes(geometry, style) if s.label in outline and len(s.points) > 6]
        chin = max((s.points for s in strokes(geometry, style) if s.label == Label.FACE_NECK), key=len)
        others = [piece for piece in pieces if not np.array_equal(piece, chin)]
        return max(
            min(float(np.hypot(*(piece - end).T).min()) for piece in others) for end in (chin[0], chin[-1])
        )

    assert widest_gap(replace(STEADY, wobble=1.2, seed=9)) < widest_gap(STEADY) + 0.5


def test_missing_lines_never_include_the_silhouette_of_the_hair() -> None:
    geometry = replace(Geometry(), hair=BOB, wear=Wear(neckline=Neckline.CREW))
    for seed in range(10):
        drawn = strokes(geometry, replace(STEADY, missing=0.95, seed=seed))
        assert points_of(drawn, Label.HAIR)[:, 1].min() < 45.0
        assert {Label.LEFT_EYE, Label.NOSE, Label.MOUTH, Label.FACE_HAIR} <= labels_of(drawn)
    complete = len(strokes(geometry, STEADY))
    assert len(strokes(geometry, replace(STEADY, missing=0.95))) < complete
