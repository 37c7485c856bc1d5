"""A training drawing as it looks after it was a picture: its lines traced, as the runtime traces a PNG's."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from sfx.export.interpreter.changes import Rng
from sfx.export.interpreter.drawing import SIDE, UNSCORED, Drawing
from sfx.runtime.interpreter.drawings import WORKING_SIDE
from sfx.runtime.interpreter.strokes import draw_paths
from sfx.runtime.interpreter.vectorise import trace_ink

REACH = 2.5
"""Pixels of the label map within which a traced line takes its label."""
PENS = (2, 2, 2, 3, 4)
"""Widths of the pen to choose from, in working pixels: 2 is what published sketches have."""


def traced(drawing: Drawing, rng: Rng) -> NDArray[np.uint8]:
    """uint8 (256, 256): the label map of the traced strokes, UNSCORED where no line of the drawing is near."""
    truth = drawing.label_map()
    if not truth.any():
        return truth
    ink = drawing.label_map(WORKING_SIDE, int(rng.choice(PENS))) > 0
    lines = draw_paths([stroke.path for stroke in trace_ink(ink)], SIDE) >= 0
    distance, (row, column) = ndimage.distance_transform_edt(truth == 0, return_indices=True)
    labels = np.where(distance <= REACH, truth[row, column], np.uint8(UNSCORED))
    return np.where(lines, labels, np.uint8(0))
