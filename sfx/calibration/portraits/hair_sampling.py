"""Hair for a person: the style first, then what belongs to it."""

from __future__ import annotations

from dataclasses import replace

from sfx.calibration.portraits.dice import Dice, Person
from sfx.calibration.portraits.geometry import Fringe, Hair, HairStyle


def _hair_style(dice: Dice, person: Person) -> HairStyle:
    masculine, feminine = person.masculine, 1.0 - person.masculine
    grown = 1.0 - person.child
    return dice.one_of(
        (
            (HairStyle.BALD, 0.11 * masculine * grown * (1 + person.old) + 0.005),
            (HairStyle.RECEDING, (0.03 + 0.18 * person.old) * masculine * grown),
            (HairStyle.CROP, 0.20 * masculine + 0.01 * feminine),
            (HairStyle.SHORT, 0.40 * masculine + 0.12 * feminine),
            (HairStyle.BOB, 0.23 * feminine + 0.02 * masculine),
            (HairStyle.LONG, 0.36 * feminine + 0.05 * masculine),
            (HairStyle.CURLY, 0.13),
            (HairStyle.BUN, 0.10 * feminine + 0.02 * masculine),
            (HairStyle.PONYTAIL, 0.08 * feminine + 0.01 * masculine),
        )
    )


def _receding(dice: Dice, common: Hair) -> Hair:
    return replace(
        common,
        side_volume=dice.even(1.5, 5.0),
        sideburn=dice.even(132.0, 146.0),
        strands=0.0,
        strand_seed=0,
    )


def _crop(dice: Dice, common: Hair) -> Hair:
    return replace(
        common,
        top_volume=dice.even(3.0, 8.0),
        side_volume=dice.even(1.5, 3.5),
        sideburn=dice.even(124.0, 142.0),
        strands=0.0,
        strand_seed=0,
    )


def _short(dice: Dice, common: Hair) -> Hair:
    fringe = dice.one_of(
        ((Fringe.NONE, 0.42), (Fringe.SWEPT, 0.36), (Fringe.BLUNT, 0.12), (Fringe.CURTAIN, 0.10))
    )
    return replace(
        common,
        fringe=fringe,
        fringe_depth=0.0 if fringe is Fringe.NONE else dice.even(0.0, 1.0),
        top_volume=dice.even(8.0, 19.0),
        side_volume=dice.even(2.5, 8.0),
        sweep=dice.even(0.0, 9.0),
        sideburn=dice.even(126.0, 148.0),
        tufts=dice.even(3.0, 6.5) if dice.chance(0.5) else 0.0,
    )


def _curly(dice: Dice, common: Hair, person: Person) -> Hair:
    big = dice.chance(0.45)
    hanging = dice.chance(0.35 + 0.4 * (1 - person.masculine))
    return replace(
        common,
        top_volume=dice.even(14.0, 22.0) if big else dice.even(8.0, 14.0),
        side_volume=(dice.even(16.0, 30.0) if big else dice.even(9.0, 15.0))
        if hanging
        else dice.even(4.0, 11.0),
        curl=dice.even(4.0, 6.5),
        covers_ears=hanging,
        length=dice.even(160.0, 208.0) if hanging else 0.0,
        sideburn=dice.even(124.0, 142.0),
    )


def _tied(dice: Dice, common: Hair) -> Hair:
    fringe = dice.one_of(((Fringe.NONE, 0.74), (Fringe.CURTAIN, 0.14), (Fringe.BLUNT, 0.12)))
    return replace(
        common,
        fringe=fringe,
        fringe_depth=0.0 if fringe is Fringe.NONE else dice.even(0.2, 1.0),
        top_volume=dice.even(5.0, 10.0),
        side_volume=dice.even(1.5, 4.5),
        sideburn=dice.even(122.0, 136.0),
        bun=dice.even(19.0, 28.0) if common.style is HairStyle.BUN else 0.0,
    )


def _hanging(dice: Dice, common: Hair) -> Hair:
    fringe = dice.one_of(
        ((Fringe.NONE, 0.54), (Fringe.BLUNT, 0.19), (Fringe.SWEPT, 0.15), (Fringe.CURTAIN, 0.12))
    )
    covers = dice.chance(0.68)
    long = common.style is HairStyle.LONG
    wave = dice.even(1.2, 4.6) if dice.chance(0.5) else 0.0
    return replace(
        common,
        fringe=fringe,
        fringe_depth=0.0 if fringe is Fringe.NONE else dice.even(0.0, 1.0),
        length=dice.even(268.0, 310.0) if long else dice.even(182.0, 218.0),
        top_volume=dice.even(7.0, 16.0),
        side_volume=dice.even(8.0, 21.0),
        wave=wave,
        wave_length=dice.even(30.0, 52.0),
        flare=dice.even(-4.0, 14.0) if long else dice.even(-9.0, 12.0),
        covers_ears=covers,
        in_front=dice.chance(0.6) if long else True,
        sideburn=dice.even(124.0, 136.0),
    )


def sample_hair(dice: Dice, person: Person) -> Hair:
    """Hair whose style goes with the person's age and presentation."""
    style = _hair_style(dice, person)
    if style is HairStyle.BALD:
        return Hair()
    parting = dice.sign() * dice.even(0.05, 0.8)
    seed = int(dice.rng.integers(1, 2**31))
    strands = dice.even(0.15, 1.0) if dice.chance(0.34) else 0.0
    common = Hair(
        style=style,
        hairline=dice.around(63.0 - 2.0 * person.child, 3.6),
        parting=parting,
        temple=dice.even(0.1, 0.9),
        strands=strands,
        strand_seed=seed if strands else 0,
    )
    if style is HairStyle.CURLY:
        return _curly(dice, common, person)
    makers = {
        HairStyle.RECEDING: _receding,
        HairStyle.CROP: _crop,
        HairStyle.SHORT: _short,
        HairStyle.BUN: _tied,
        HairStyle.PONYTAIL: _tied,
        HairStyle.BOB: _hanging,
        HairStyle.LONG: _hanging,
    }
    return makers[style](dice, common)
