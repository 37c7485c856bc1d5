"""What was taken for what: the confusion of classes as a picture."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sfx.labels import CLASSES, FAMILIES, MAX_LABEL

MISSED = 0
"""Class found where no stroke is near."""

FAMILY_OF = np.zeros(256, np.int64)
"""Family of a class id, from 1; 0 for what is in none."""
for _number, _family in enumerate(FAMILIES, start=1):
    FAMILY_OF[list(_family)] = _number


def confusion_picture(table: NDArray[np.int64]) -> NDArray[np.uint8]:
    """The confusion table as a picture: rows true, columns found, darker for a greater share of the row."""
    from PIL import Image, ImageDraw, ImageFont

    cell, left, top = 34, 210, 60
    found_ids = [label for label in range(MAX_LABEL + 1) if table[label].any() or table[:, label].any()]
    drawn_ids = [label for label in found_ids if table[label].any()]
    image = Image.new("RGB", (left + cell * len(found_ids) + 10, top + cell * len(drawn_ids) + 10), "white")
    draw = ImageDraw.Draw(image)
    font, small = ImageFont.load_default(size=13), ImageFont.load_default(size=11)
    draw.text((10, 8), "rows: drawn, columns: found; per cent of the row", fill="black", font=font)
    for column, found in enumerate(found_ids):
        name = "none" if found == MISSED else str(found)
        draw.text((left + cell * column + 5, top - 18), name, fill="black", font=font)
    for row, drawn in enumerate(drawn_ids):
        y = top + cell * row
        draw.text((8, y + 9), f"{drawn} {CLASSES[drawn].name}", fill="black", font=font)
        for column, found in enumerate(found_ids):
            x = left + cell * column
            share = table[drawn, found] / table[drawn].sum()
            draw.rectangle([x, y, x + cell - 2, y + cell - 2], fill=_shade(share, drawn, found))
            if share >= 0.005:
                draw.text((x + 5, y + 9), f"{100 * share:.0f}", fill="black", font=small)
    return np.asarray(image)


def _shade(share: float, drawn: int, found: int) -> tuple[int, int, int]:
    """Green within a family, red across; the root, so that single per cents can be seen."""
    if share == 0:
        return (248, 248, 248)
    level = int(255 - 200 * share**0.5)
    same = FAMILY_OF[drawn] == FAMILY_OF[found]
    return (level, 255 - (255 - level) // 3, level) if same else (255, level, level)
