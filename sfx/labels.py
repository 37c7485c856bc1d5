"""The semantic label map: which class a stroke pixel belongs to.

A label sketch is a one-channel picture whose pixel value is a class id, 0 being background.
"left" and "right" are the subject's: a left eye appears on the right of the picture.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class LabelClass:
    """One class of the label map: its id, its name, and the colour it is shown in (sRGB, 0..255)."""

    id: int
    name: str
    colour: tuple[int, int, int]


CLASSES: tuple[LabelClass, ...] = (
    LabelClass(0, "background", (255, 255, 255)),
    LabelClass(1, "left eye", (0, 158, 60)),
    LabelClass(2, "right eye", (122, 40, 160)),
    LabelClass(3, "eyeglasses", (186, 172, 20)),
    LabelClass(4, "left eyebrow", (0, 120, 190)),
    LabelClass(5, "right eyebrow", (222, 40, 100)),
    LabelClass(6, "nose", (62, 190, 20)),
    LabelClass(7, "mouth", (20, 20, 200)),
    LabelClass(8, "earring", (210, 110, 20)),
    LabelClass(9, "necklace", (150, 90, 0)),
    LabelClass(10, "face contour / background", (200, 0, 200)),
    LabelClass(11, "left ear", (160, 200, 20)),
    LabelClass(12, "right ear", (0, 100, 180)),
    LabelClass(13, "hat", (120, 0, 40)),
    LabelClass(14, "neck", (40, 180, 100)),
    LabelClass(15, "hair", (80, 40, 190)),
    LabelClass(16, "clothes", (200, 160, 40)),
    LabelClass(17, "boundary face / hair", (0, 190, 200)),
    LabelClass(18, "boundary face / neck", (230, 120, 200)),
    LabelClass(19, "boundary face / clothes", (180, 90, 90)),
    LabelClass(20, "unknown boundary", (130, 130, 130)),
    LabelClass(21, "boundary at the ear lobe", (90, 90, 60)),
    LabelClass(22, "unknown", (60, 60, 60)),
)
"""Every class by id, as read off the published examples."""

MAX_LABEL = len(CLASSES) - 1
"""The largest id a label map may hold; the network sees ids 1..MAX_LABEL as one-hot channels."""

FAMILIES: tuple[frozenset[int], ...] = (
    *(frozenset({i}) for i in range(1, 8)),
    frozenset({8, 9}),
    frozenset({10, 17, 18, 19, 20, 21}),
    *(frozenset({i}) for i in (11, 12, 13, 14, 15, 16)),
)
"""Classes that are one thing to the person drawing, such as the outline of the face."""
