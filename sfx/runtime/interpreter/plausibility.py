"""What looks wrong with an interpreted sketch, in words: a person decides, nothing is refused."""

from __future__ import annotations

import numpy as np

from sfx.runtime.interpreter.strokes import Sketch, Stroke

LOW_CONFIDENCE = 0.7
"""Mean confidence, by length, below which an interpretation is called doubtful."""
TWO_PARTS = 45.0
"""Canvas units between strokes of one nose or one mouth from which they are two."""

OUTLINE = frozenset({10, 17, 18, 19})


def mean_confidence(sketch: Sketch) -> float | None:
    """Mean confidence of the strokes by their length; None where none has one."""
    judged = [stroke for stroke in sketch.strokes if stroke.confidence is not None]
    if not judged:
        return None
    lengths = [stroke.length + 1e-6 for stroke in judged]
    return float(np.average([stroke.confidence or 0.0 for stroke in judged], weights=lengths))


def doubts(sketch: Sketch) -> tuple[str, ...]:
    """Short phrases such as "no eyes" or "two noses"; empty where the sketch looks like a face."""
    labels = {stroke.label for stroke in sketch.strokes}
    found = []
    if not labels & {1, 2, 3}:
        found.append("no eyes")
    if 6 not in labels:
        found.append("no nose")
    if 7 not in labels:
        found.append("no mouth")
    if not labels & OUTLINE:
        found.append("no outline of a face")
    for label, name in ((6, "two noses"), (7, "two mouths")):
        if _apart([stroke for stroke in sketch.strokes if stroke.label == label]):
            found.append(name)
    confidence = mean_confidence(sketch)
    if confidence is not None and confidence < LOW_CONFIDENCE:
        found.append(f"low confidence ({confidence:.2f})")
    return tuple(found)


def _apart(strokes: list[Stroke]) -> bool:
    """Whether the strokes fall into two groups with more than TWO_PARTS between them, across or down."""
    for axis in (0, 1):
        spans = sorted((float(s.points[:, axis].min()), float(s.points[:, axis].max())) for s in strokes)
        reached = spans[0][1] if spans else 0.0
        for low, high in spans:
            if low - reached > TWO_PARTS:
                return True
            reached = max(reached, high)
    return False
