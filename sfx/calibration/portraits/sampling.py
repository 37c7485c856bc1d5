"""Plausible geometries: a latent age and a latent masculinity make the parameters vary together."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from sfx.calibration.portraits.dice import Dice, Person
from sfx.calibration.portraits.geometry import (
    Beard,
    BeardStyle,
    Brows,
    EarringStyle,
    Eyes,
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
)
from sfx.calibration.portraits.hair_sampling import sample_hair


def _person(dice: Dice) -> Person:
    # Both presentations are frequent, those between are rarer but occur.
    masculine = dice.even(0.0, 1.0)
    masculine = float(np.clip(0.5 + 0.5 * np.sign(masculine - 0.5) * abs(2 * masculine - 1) ** 0.6, 0.0, 1.0))
    age = dice.rng.random()
    child = dice.even(0.35, 1.0) if age < 0.11 else 0.0
    old = dice.even(0.4, 1.0) if age > 0.83 else 0.0
    return Person(masculine * (1.0 - 0.5 * child), child, old)


def _pose(dice: Dice) -> Pose:
    off_centre = dice.chance(0.2)
    spread = 8.0 if off_centre else 2.2
    return Pose(
        yaw=dice.around(0.0, 0.36, 2.5),
        pitch=dice.around(0.0, 0.35),
        tilt=dice.around(0.0, 2.4),
        shift_x=dice.around(0.0, spread, 1.9),
        shift_y=dice.around(0.0, spread * 0.8, 1.9),
        scale=dice.even(0.86, 1.1) if off_centre else dice.around(1.0, 0.025),
    )


def _head(dice: Dice, person: Person) -> Head:
    masculine, child = person.masculine, person.child
    jaw = float(np.clip(dice.around(0.26 + 0.42 * masculine, 0.17), 0.0, 1.0))
    chin = dice.around(221.5 + 5.0 * masculine, 4.0) - 9.0 * child
    return Head(
        half_width=dice.around(66.0 + 2.4 * masculine, 2.6) + 2.5 * child,
        top=dice.around(34.0, 3.2) - 3.0 * child,
        chin=chin,
        jaw=float(np.clip(jaw + 0.15 * child, 0.0, 1.0)),
        chin_half_width=dice.around(18.0 + 6.5 * masculine, 2.2),
        temple=dice.even(0.0, 1.0),
        ear_size=dice.around(0.96 + 0.08 * person.old, 0.08) + 0.04 * child,
        ear_y=dice.around(141.0, 3.0),
        ear_out=float(np.clip(dice.around(0.45, 0.22), 0.0, 1.0)),
        neck_half_width=dice.around(35.5 + 10.0 * masculine, 2.4) - 5.0 * child,
        shoulder=chin + dice.around(12.0, 3.0),
    )


def _eyes(dice: Dice, person: Person) -> Eyes:
    feminine = 1.0 - person.masculine
    return Eyes(
        y=dice.around(123.0, 1.8) + 4.0 * person.child,
        spacing=dice.around(32.4, 1.3),
        half_width=dice.around(15.9 + 1.0 * feminine, 0.9) + 0.6 * person.child,
        upper=max(dice.around(8.3 + 1.5 * feminine, 1.0) + 1.2 * person.child - 0.8 * person.old, 6.2),
        lower=dice.around(5.0, 0.6) + 0.5 * person.child,
        tilt=dice.around(0.8 + 1.0 * feminine, 1.1) - 0.8 * person.old,
        roundness=dice.even(0.0, 1.0),
        crease=float(np.clip(dice.around(0.55, 0.25), 0.0, 1.0)),
        lashes=float(np.clip(dice.around(0.25 + 0.55 * feminine, 0.16) - 0.1 * person.child, 0.05, 1.0)),
        iris=dice.around(8.5, 0.4) + 0.7 * person.child,
        gaze_x=dice.around(0.0, 1.5) if dice.chance(0.5) else 0.0,
        gaze_y=dice.around(0.0, 0.5),
    )


def _brows(dice: Dice, person: Person) -> Brows:
    feminine = 1.0 - person.masculine
    return Brows(
        y=dice.around(102.0 - 1.0 * feminine, 1.8) + 2.0 * person.child,
        half_length=dice.around(20.3, 1.2) - 1.6 * person.child,
        thickness=dice.around(5.8 - 1.9 * feminine, 0.7) - 0.9 * person.child,
        arch=dice.around(3.6 + 1.9 * feminine, 1.3),
        peak=dice.around(0.62, 0.05),
        tilt=dice.around(-0.4, 0.8),
        raised=dice.around(0.0, 1.4) if dice.chance(0.4) else 0.0,
    )


def _nose(dice: Dice, person: Person) -> Nose:
    return Nose(
        base=dice.around(168.5, 2.5) - 2.5 * person.child,
        half_width=dice.around(13.4 + 1.8 * person.masculine, 1.7) - 1.2 * person.child,
        bridge=dice.around(6.0 + 0.8 * person.masculine, 0.8),
        tip=dice.around(7.6, 0.7),
        droop=dice.around(0.2, 0.9) + 1.2 * person.old,
    )


def _mouth(dice: Dice, person: Person) -> Mouth:
    feminine = 1.0 - person.masculine
    smile = float(np.clip(dice.around(0.42, 0.27), -0.1, 1.0))
    gap = teeth = 0.0
    kind = dice.rng.random()
    if kind < 0.22:  # a smile that shows teeth
        smile = dice.even(0.5, 1.0)
        gap = dice.even(4.5, 11.5)
        teeth = dice.even(0.5, 0.92)
    elif kind < 0.36:  # slightly parted
        gap = dice.even(1.8, 4.5)
        teeth = dice.even(0.3, 0.7) if dice.chance(0.6) else 0.0
    return Mouth(
        y=dice.around(193.0, 2.2) - 3.5 * person.child,
        half_width=dice.around(24.3, 1.7) + 2.2 * (gap > 4.5) - 2.0 * person.child,
        upper_lip=dice.around(5.0 + 1.7 * feminine, 0.9) - 0.8 * person.old,
        lower_lip=dice.around(7.0 + 1.8 * feminine, 1.0) - 0.9 * person.old,
        bow=dice.even(0.25, 1.0),
        smile=smile,
        open=gap,
        teeth=teeth,
        skew=dice.around(0.0, 0.8) if dice.chance(0.3) else 0.0,
    )


def _beard(dice: Dice, person: Person) -> Beard:
    if person.child > 0 or person.masculine < 0.6 or not dice.chance(0.33):
        return Beard()
    style = dice.one_of(
        (
            (BeardStyle.MOUSTACHE, 0.18),
            (BeardStyle.GOATEE, 0.2),
            (BeardStyle.SHORT, 0.36),
            (BeardStyle.FULL, 0.26),
        )
    )
    lengths = {BeardStyle.GOATEE: (0.0, 6.0), BeardStyle.SHORT: (0.0, 3.0), BeardStyle.FULL: (5.0, 18.0)}
    return Beard(
        style=style,
        length=dice.even(*lengths.get(style, (0.0, 0.0))),
        cheek=dice.even(0.1, 0.9),
        moustache=dice.even(6.0, 9.5) if style is not BeardStyle.SHORT or dice.chance(0.85) else 0.0,
    )


def _glasses(dice: Dice) -> Glasses:
    if not dice.chance(0.25):
        return Glasses()
    dark = dice.chance(0.4)
    if dark and dice.chance(0.34):
        return Glasses(
            GlassesStyle.ONE_PIECE,
            dice.even(31.0, 35.0),
            dice.even(17.0, 22.0),
            0.5,
            dice.even(1.4, 2.6),
            True,
        )
    style = dice.one_of(
        (
            (GlassesStyle.ROUND, 0.34),
            (GlassesStyle.SQUARE, 0.36),
            (GlassesStyle.AVIATOR, 0.14),
            (GlassesStyle.CAT_EYE, 0.16),
        )
    )
    width = dice.even(22.0, 26.0)
    height = width * dice.even(0.86, 0.98) if style is GlassesStyle.ROUND else dice.even(15.5, 20.0)
    squareness = {GlassesStyle.ROUND: 0.0, GlassesStyle.SQUARE: dice.even(0.5, 1.1)}.get(style, 0.25)
    thickness = dice.even(1.1, 1.8) if dice.chance(0.45) else dice.even(2.2, 4.2)
    return Glasses(style, width, min(height, 24.0), squareness, thickness, dark)


def _wear(dice: Dice, person: Person, hair: Hair) -> Wear:
    neckline = dice.one_of(
        (
            (Neckline.BARE, 0.14),
            (Neckline.CREW, 0.30),
            (Neckline.V, 0.16),
            (Neckline.SHIRT, 0.20),
            (Neckline.TURTLENECK, 0.10),
            (Neckline.SCOOP, 0.05 + 0.08 * (1 - person.masculine)),
        )
    )
    wear = Wear(neckline=neckline, neckline_depth=0.0 if neckline is Neckline.BARE else dice.even(0.0, 1.0))
    if dice.chance((0.46 - 0.32 * person.masculine) * (1 - 0.6 * person.child)):
        style = dice.one_of(((EarringStyle.STUD, 0.34), (EarringStyle.DROP, 0.36), (EarringStyle.HOOP, 0.30)))
        wear = replace(wear, earring=style, earring_size=dice.even(4.0, 20.0))
    covered = neckline in (Neckline.TURTLENECK, Neckline.SHIRT)
    if not covered and dice.chance(0.30 - 0.18 * person.masculine):
        wear = replace(wear, necklace=dice.even(0.05, 0.8), pendant=dice.chance(0.5))
    if hair.style is not HairStyle.BUN and dice.chance(0.085):
        hat = dice.one_of(((HatStyle.BEANIE, 0.42), (HatStyle.BRIMMED, 0.26), (HatStyle.CAP, 0.32)))
        wear = replace(wear, hat=hat, hat_y=dice.even(76.0, 86.0), hat_height=dice.even(2.0, 10.0))
    return wear


def sample_geometry(rng: np.random.Generator) -> Geometry:
    """A plausible portrait; equal generators give equal portraits."""
    dice = Dice(rng)
    person = _person(dice)
    head = _head(dice, person)
    hair = sample_hair(dice, person)
    wear = _wear(dice, person, hair)
    if wear.earring is not EarringStyle.NONE and hair.covers_ears and dice.chance(0.75):
        hair = replace(hair, covers_ears=False) if hair.style in (HairStyle.BOB, HairStyle.LONG) else hair
    return Geometry(
        pose=_pose(dice),
        head=head,
        eyes=_eyes(dice, person),
        brows=_brows(dice, person),
        nose=_nose(dice, person),
        mouth=_mouth(dice, person),
        hair=hair,
        beard=_beard(dice, person),
        glasses=_glasses(dice),
        wear=wear,
    )
