"""Which changes a training drawing goes through, and the named corruptions that results are reported by."""

from __future__ import annotations

from sfx.export.interpreter import changes
from sfx.export.interpreter.changes import Rng
from sfx.export.interpreter.conventions import CONVENTIONS, Change
from sfx.export.interpreter.drawing import Drawing

UNTOUCHED = 0.12
"""Share of the training drawings that are only mirrored or not."""

_DEFECTS: tuple[tuple[float, Change], ...] = (
    (0.15, changes.overshot),
    (0.16, changes.doubled),
    (0.12, changes.angular),
    (0.14, changes.thinned_out),
    (0.2, changes.with_gaps),
    (0.05, changes.dashed),
    (0.16, changes.erased),
    (0.12, changes.specked),
)

CORRUPTIONS: dict[str, Change] = {
    "partial": changes.partial,
    "wobble": lambda drawing, rng: changes.wobbled(changes.warped(drawing, rng, 8, 1.8), rng, 1.3),
    "proportions": changes.reproportioned,
    "overshoot": changes.overshot,
    "gaps": changes.with_gaps,
    "erased": changes.erased,
    "doubled lines": changes.doubled,
    "shift": changes.shifted,
    "scale": changes.scaled,
    "rotation": changes.rotated,
    "mirrored": changes.mirrored,
    "specks": changes.specked,
}
"""Changes that results are reported by, each alone."""


def varied(drawing: Drawing, rng: Rng) -> Drawing:
    """A training drawing as one of many hands would have drawn it, on some page, at some stage."""
    if rng.random() < 0.5:
        drawing = changes.mirrored(drawing, rng)
    if rng.random() < UNTOUCHED:
        return drawing
    for share, change in CONVENTIONS:
        if rng.random() < share:
            drawing = change(drawing, rng)
    if rng.random() < 0.6:
        drawing = changes.reproportioned(drawing, rng, float(rng.uniform(0.3, 1.4)))
    if rng.random() < 0.7:
        drawing = changes.warped(drawing, rng, int(rng.integers(2, 5)), float(rng.uniform(1.0, 8.0)))
    if rng.random() < 0.4:
        drawing = changes.warped(drawing, rng, int(rng.integers(5, 12)), float(rng.uniform(0.5, 2.8)))
    if rng.random() < 0.75:
        drawing = changes.placed(drawing, rng, float(rng.uniform(0.3, 1.5)))
    if rng.random() < 0.25:
        drawing = changes.partial(drawing, rng)
    for share, change in _DEFECTS:
        if rng.random() < share:
            drawing = change(drawing, rng)
    return drawing
