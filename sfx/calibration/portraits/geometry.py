"""What a portrait shows, apart from its colours: a frozen description that is drawn the same every time.

Lengths are in units of a 256 x 256 canvas; the head faces the viewer around x = 0 until `Pose` places
it. "left" is the subject's left, on the right of the picture.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, fields, replace
from enum import Enum
from typing import Any

import numpy as np
from numpy.typing import NDArray


class HairStyle(Enum):
    """How the hair is worn."""

    BALD = "bald"
    RECEDING = "receding"
    CROP = "crop"
    SHORT = "short"
    BOB = "bob"
    LONG = "long"
    CURLY = "curly"
    BUN = "bun"
    PONYTAIL = "ponytail"


class Fringe(Enum):
    """What the hair does on the forehead."""

    NONE = "none"
    BLUNT = "blunt"
    SWEPT = "swept"
    CURTAIN = "curtain"


class BeardStyle(Enum):
    """Where a beard grows."""

    NONE = "none"
    MOUSTACHE = "moustache"
    GOATEE = "goatee"
    SHORT = "short"
    FULL = "full"


class GlassesStyle(Enum):
    """The shape of the lenses; ONE_PIECE is a wrap-around visor."""

    NONE = "none"
    ROUND = "round"
    SQUARE = "square"
    AVIATOR = "aviator"
    CAT_EYE = "cat-eye"
    ONE_PIECE = "one-piece"


class EarringStyle(Enum):
    """What hangs at the ear lobes."""

    NONE = "none"
    STUD = "stud"
    DROP = "drop"
    HOOP = "hoop"


class HatStyle(Enum):
    """What is worn on the head."""

    NONE = "none"
    BEANIE = "beanie"
    BRIMMED = "brimmed"
    CAP = "cap"


class Neckline(Enum):
    """Where the clothes end at the neck."""

    BARE = "bare"
    CREW = "crew"
    V = "v"
    SHIRT = "shirt"
    TURTLENECK = "turtleneck"
    SCOOP = "scoop"


@dataclass(frozen=True)
class Pose:
    """Where the head is and where it looks; 0 is frontal, upright and centred."""

    yaw: float = 0.0
    """-1..1, about -20..20 degrees; positive turns the nose to the right of the picture."""
    pitch: float = 0.0
    """-1..1; positive looks down."""
    tilt: float = 0.0
    """Degrees, clockwise."""
    shift_x: float = 0.0
    shift_y: float = 0.0
    scale: float = 1.0


@dataclass(frozen=True)
class Head:
    """The outline of the head without hair, the ears and the neck."""

    half_width: float = 67.0
    top: float = 35.0
    chin: float = 226.0
    jaw: float = 0.5
    """0 tapers from the cheeks to the chin, 1 is as wide as the cheeks almost down to it."""
    chin_half_width: float = 20.0
    temple: float = 0.5
    """0 narrow, 1 as wide as the cheeks."""
    ear_size: float = 1.0
    ear_y: float = 140.0
    ear_out: float = 0.5
    """0 ears that lie close, 1 ears that stand off."""
    neck_half_width: float = 40.0
    shoulder: float = 236.0
    """y at which the shoulders leave the neck."""


@dataclass(frozen=True)
class Eyes:
    """Both eyes; `spacing` is from the axis to an eye's middle."""

    y: float = 123.0
    spacing: float = 32.5
    half_width: float = 15.5
    upper: float = 8.2
    lower: float = 4.6
    tilt: float = 1.2
    """How much higher the outer corner is than the inner one."""
    roundness: float = 0.5
    crease: float = 0.6
    """0 no fold above the lid, 1 a deep one."""
    lashes: float = 0.5
    iris: float = 7.4
    gaze_x: float = 0.0
    gaze_y: float = 0.0


@dataclass(frozen=True)
class Brows:
    """Both eyebrows."""

    y: float = 103.0
    half_length: float = 20.5
    thickness: float = 4.6
    arch: float = 4.5
    peak: float = 0.62
    """Where the highest point is, 0 inner end .. 1 outer end."""
    tilt: float = 0.0
    """How much lower the inner ends are: positive is stern."""
    raised: float = 0.0
    """How much higher the left brow is than the right one."""


@dataclass(frozen=True)
class Nose:
    """The nose, from between the brows to its base."""

    base: float = 171.0
    half_width: float = 15.0
    bridge: float = 6.0
    tip: float = 7.5
    """Radius of the tip."""
    droop: float = 0.0
    """How far the tip hangs below the wings."""


@dataclass(frozen=True)
class Mouth:
    """The mouth; `open` is the gap between the lips at the middle."""

    y: float = 194.0
    half_width: float = 24.5
    upper_lip: float = 6.0
    lower_lip: float = 8.0
    bow: float = 0.6
    """Depth of the notch of the upper lip, 0..1."""
    smile: float = 0.4
    """-0.4 a slight frown, 0 neutral, 1 a broad smile."""
    open: float = 0.0
    teeth: float = 0.0
    """Share of the gap that the teeth fill, 0..1."""
    skew: float = 0.0


@dataclass(frozen=True)
class Hair:
    """The hair of the head. `parting` is -1..1, its sign says which way everything asymmetric falls."""

    style: HairStyle = HairStyle.BALD
    fringe: Fringe = Fringe.NONE
    length: float = 0.0
    """y of the lower ends."""
    top_volume: float = 0.0
    side_volume: float = 0.0
    hairline: float = 64.0
    """y of the middle of the hairline."""
    fringe_depth: float = 0.0
    parting: float = 0.3
    temple: float = 0.5
    """How far the hair reaches into the face at the temples and cheeks, 0..1."""
    sweep: float = 0.0
    """How much higher the hair stands on the side away from the parting."""
    wave: float = 0.0
    """Amplitude of waves along the outline."""
    wave_length: float = 34.0
    curl: float = 0.0
    """Height of the scallops of curly hair."""
    tufts: float = 0.0
    """Height of the tips along the outline of tousled short hair."""
    flare: float = 0.0
    """How far the ends turn outward (positive) or inward."""
    covers_ears: bool = False
    in_front: bool = False
    """Whether long hair falls in front of the shoulders."""
    sideburn: float = 128.0
    """y at which short hair ends beside the ear."""
    bun: float = 0.0
    """Radius of a bun."""
    strands: float = 0.0
    """How many single strands are visible, 0 none .. 1 many; both picture and sketch draw them."""
    strand_seed: int = 0


@dataclass(frozen=True)
class Beard:
    """Facial hair that a sketch draws; stubble belongs to the appearance."""

    style: BeardStyle = BeardStyle.NONE
    length: float = 0.0
    """How far below the chin it reaches."""
    cheek: float = 0.5
    """How high it climbs on the cheeks."""
    moustache: float = 0.0
    """Thickness of the moustache, 0 none."""


@dataclass(frozen=True)
class Glasses:
    """Spectacles or sunglasses."""

    style: GlassesStyle = GlassesStyle.NONE
    half_width: float = 0.0
    half_height: float = 0.0
    squareness: float = 0.0
    thickness: float = 0.0
    dark: bool = False


@dataclass(frozen=True)
class Wear:
    """Clothes, jewellery and hats."""

    neckline: Neckline = Neckline.BARE
    neckline_depth: float = 0.0
    earring: EarringStyle = EarringStyle.NONE
    earring_size: float = 0.0
    necklace: float = 0.0
    """0 none, else how deep it hangs, 0..1."""
    pendant: bool = False
    hat: HatStyle = HatStyle.NONE
    hat_y: float = 0.0
    """y of the hat's lower edge over the forehead."""
    hat_height: float = 0.0


@dataclass(frozen=True)
class Geometry:
    """Everything that a sketch of the portrait shows."""

    pose: Pose = field(default_factory=Pose)
    head: Head = field(default_factory=Head)
    eyes: Eyes = field(default_factory=Eyes)
    brows: Brows = field(default_factory=Brows)
    nose: Nose = field(default_factory=Nose)
    mouth: Mouth = field(default_factory=Mouth)
    hair: Hair = field(default_factory=Hair)
    beard: Beard = field(default_factory=Beard)
    glasses: Glasses = field(default_factory=Glasses)
    wear: Wear = field(default_factory=Wear)


_NOT_LEARNABLE = frozenset({"hair.strand_seed"})
"""Fields that a network cannot read off a sketch as a number."""


def _numbers(part: Any, prefix: str) -> Iterator[tuple[str, float]]:
    for item in fields(part):
        name = f"{prefix}{item.name}"
        value = getattr(part, item.name)
        if name in _NOT_LEARNABLE:
            continue
        if isinstance(value, Enum):
            for choice in type(value):
                yield f"{name}={choice.value}", float(value is choice)
        elif isinstance(value, bool | int | float):
            yield name, float(value)
        else:
            yield from _numbers(value, f"{name}.")


def geometry_vector(geometry: Geometry) -> NDArray[np.float32]:
    """float32 (n,): numbers in canvas units, choices as one-hots; the names are `geometry_vector_names()`.

    The values are not standardised. What is not worn has its default (mostly 0) in its numbers.
    """
    return np.array([value for _, value in _numbers(geometry, "")], dtype=np.float32)


def geometry_vector_names() -> tuple[str, ...]:
    """Names of the entries of `geometry_vector`, such as `head.jaw` and `hair.style=bob`."""
    return tuple(name for name, _ in _numbers(Geometry(), ""))


def mirrored(geometry: Geometry) -> Geometry:
    """The description whose drawing is the mirror image, left and right exchanged."""
    pose = replace(
        geometry.pose, yaw=-geometry.pose.yaw, tilt=-geometry.pose.tilt, shift_x=-geometry.pose.shift_x
    )
    return replace(
        geometry,
        pose=pose,
        eyes=replace(geometry.eyes, gaze_x=-geometry.eyes.gaze_x),
        brows=replace(geometry.brows, raised=-geometry.brows.raised),
        mouth=replace(geometry.mouth, skew=-geometry.mouth.skew),
        hair=replace(geometry.hair, parting=-geometry.hair.parting),
    )
