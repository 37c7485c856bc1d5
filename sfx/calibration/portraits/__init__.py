"""Portraits drawn from a seed: picture, labelled sketch and masks of the same face.

    rng = np.random.default_rng(0)
    geometry, appearance = sample_geometry(rng), sample_appearance(rng)
    picture(geometry, appearance, 256)               # uint8 (256, 256, 3) RGB
    label_map(geometry, SketchStyle.CLEAN, 256)      # uint8 (256, 256) class ids

Descriptions need numpy alone; whatever draws needs skia-python (`pip install 'sfx[portraits]'`).
"""

from __future__ import annotations

from sfx.calibration.portraits.appearance import Appearance, sample_appearance
from sfx.calibration.portraits.curves import CANVAS, Curves, build
from sfx.calibration.portraits.geometry import (
    Beard,
    BeardStyle,
    Brows,
    EarringStyle,
    Eyes,
    Fringe,
    Geometry,
    Glasses,
    GlassesStyle,
    Hair,
    HairStyle,
    HatStyle,
    Head,
    Mouth,
    Neckline,
    Nose,
    Pose,
    Wear,
    geometry_vector,
    geometry_vector_names,
    mirrored,
)
from sfx.calibration.portraits.hand import LabelledStroke
from sfx.calibration.portraits.label_ids import Label
from sfx.calibration.portraits.label_map import draw_strokes, label_map, mirrored_label_map
from sfx.calibration.portraits.masks import Parts, parts
from sfx.calibration.portraits.picture import picture
from sfx.calibration.portraits.regions import Region
from sfx.calibration.portraits.sampling import sample_geometry
from sfx.calibration.portraits.strokes import strokes
from sfx.calibration.portraits.style import (
    EyeDrawing,
    MouthDrawing,
    NoseDrawing,
    SketchStyle,
    sample_style,
)

__all__ = [
    "CANVAS",
    "Appearance",
    "Beard",
    "BeardStyle",
    "Brows",
    "Curves",
    "EarringStyle",
    "EyeDrawing",
    "Eyes",
    "Fringe",
    "Geometry",
    "Glasses",
    "GlassesStyle",
    "Hair",
    "HairStyle",
    "HatStyle",
    "Head",
    "Label",
    "LabelledStroke",
    "Mouth",
    "MouthDrawing",
    "Neckline",
    "Nose",
    "NoseDrawing",
    "Parts",
    "Pose",
    "Region",
    "SketchStyle",
    "Wear",
    "build",
    "draw_strokes",
    "geometry_vector",
    "geometry_vector_names",
    "label_map",
    "mirrored",
    "mirrored_label_map",
    "parts",
    "picture",
    "sample_appearance",
    "sample_geometry",
    "sample_style",
    "strokes",
]
