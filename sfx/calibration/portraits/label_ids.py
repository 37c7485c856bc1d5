"""The class ids of `sfx.labels` that a portrait's sketch uses, by name; 20 and 22 are never drawn."""

from __future__ import annotations

from enum import IntEnum


class Label(IntEnum):
    """What a stroke draws; "left" is the subject's left."""

    LEFT_EYE = 1
    RIGHT_EYE = 2
    GLASSES = 3
    LEFT_BROW = 4
    RIGHT_BROW = 5
    NOSE = 6
    MOUTH = 7
    EARRING = 8
    NECKLACE = 9
    FACE_CONTOUR = 10
    LEFT_EAR = 11
    RIGHT_EAR = 12
    HAT = 13
    NECK = 14
    HAIR = 15
    CLOTHES = 16
    FACE_HAIR = 17
    FACE_NECK = 18
    FACE_CLOTHES = 19
    EAR_LOBE = 21
