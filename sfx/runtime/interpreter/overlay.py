"""A picture for people: the strokes in the colours of their classes, and a legend of the classes found."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from sfx.labels import CLASSES
from sfx.runtime.interpreter.strokes import Sketch
from sfx.runtime.label_maps import LEGEND_RULE, LEGEND_WIDTH

FAINT = 0.6
"""Strokes less certain than this are drawn with a light halo, so that the eye finds them."""
HALO = (255, 214, 130)


def overlay(sketch: Sketch, size: int = 768) -> NDArray[np.uint8]:
    """The interpreted sketch as a picture (size, size * 1.58, 3) RGB, on white.

    Each class's line in the legend gives its length's share of the drawing and its mean confidence; strokes
    with a confidence below 0.6 lie on an orange halo. Strokes without a class are grey. `find_label_map` reads
    the classes back.
    """
    width = max(2.0, size / 256)
    image = Image.new("RGB", (size + round(LEGEND_WIDTH * size), size), "white")
    picture = np.asarray(image).copy()
    doubtful = [s for s in sketch.strokes if s.confidence is not None and s.confidence < FAINT]
    picture[:, :size][Sketch(tuple(doubtful), sketch.placement).mask(size, 4 * width)] = HALO
    picture[:, :size][sketch.mask(size, width)] = (170, 170, 170)
    labels = sketch.label_map(size, width)
    colours = np.array([entry.colour for entry in CLASSES], np.uint8)
    picture[:, :size][labels > 0] = colours[labels[labels > 0]]
    image = Image.fromarray(picture)
    _legend(ImageDraw.Draw(image), sketch, size)
    return np.asarray(image)


def _legend(draw: ImageDraw.ImageDraw, sketch: Sketch, size: int) -> None:
    line = max(12, size // 26)
    font = ImageFont.load_default(size=line * 0.62)
    left, top = size + line // 2, line // 2
    total = sum(stroke.length for stroke in sketch.strokes) or 1.0
    draw.line([(size, 0), (size, size)], fill=LEGEND_RULE)
    for entry in CLASSES[1:]:
        members = [stroke for stroke in sketch.strokes if stroke.label == entry.id]
        if not members:
            continue
        lengths = np.array([stroke.length + 1e-6 for stroke in members])
        certain = [1.0 if stroke.confidence is None else stroke.confidence for stroke in members]
        draw.rectangle([left, top + line * 0.15, left + line * 0.7, top + line * 0.75], fill=entry.colour)
        share, sure = lengths.sum() / total, np.average(certain, weights=lengths)
        text = f"{entry.id} {entry.name}: {100 * share:.0f} %, sure {sure:.2f}"
        draw.text((left + line, top + line * 0.1), text, fill="black", font=font)
        top += line
