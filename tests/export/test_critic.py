"""The critic of the demo's training."""

from __future__ import annotations

import math

import pytest
import torch

from sfx.export.demo.critic import FAKE, RAMP_STEPS, Critic, PartNetwork
from sfx.export.demo.dataset import PARTS

SIDE = 32
HAIR, SKIN, EARRINGS = (PARTS.index(name) for name in ("hair", "skin", "earrings"))


def _part_maps() -> torch.Tensor:
    """uint8 (4, 16, 16): skin beside hair, the border elsewhere in each, and an earring."""
    maps = torch.full((4, SIDE // 2, SIDE // 2), SKIN, dtype=torch.uint8)
    for row, border in enumerate((3, 6, 9, 12)):
        maps[row, :, :border] = HAIR
        maps[row, 2 * row : 2 * row + 3, border : border + 3] = EARRINGS
    return maps


def _pictures(sharp: bool) -> torch.Tensor:
    """Each part in a colour of its own, or the blur of that, in which earrings nearly drown."""
    colours = torch.zeros(len(PARTS), 3)
    colours[HAIR], colours[SKIN], colours[EARRINGS] = torch.tensor(
        [[-0.9] * 3, [0.4, 0.1, 0.0], [0.9, 0.9, -0.5]]
    )
    pictures = (
        colours[_part_maps().long()].permute(0, 3, 1, 2).repeat_interleave(2, 2).repeat_interleave(2, 3)
    )
    return pictures if sharp else torch.nn.functional.avg_pool2d(pictures, 9, 1, 4, count_include_pad=False)


@pytest.fixture(scope="module")
def learnt() -> Critic:
    critic = Critic(seed=0, processes=1)
    for _ in range(80):
        critic.learn(_pictures(sharp=False), _pictures(sharp=True), _part_maps())
    critic.steps = RAMP_STEPS
    return critic


def test_it_names_the_parts_of_real_pictures_and_finds_drawn_ones(learnt: Critic) -> None:
    with torch.no_grad():
        of_real, of_drawn = (learnt.network(_pictures(sharp))[0].argmax(1) for sharp in (True, False))
    parts = _part_maps().long()
    assert (of_real == parts).float().mean() > 0.9
    assert (of_real == parts)[parts == EARRINGS].float().mean() > 0.9
    assert (of_drawn == FAKE).float().mean() > 0.9


def test_learning_begins_without_knowledge_and_gets_somewhere() -> None:
    critic = Critic(seed=0, processes=1)
    batch = (_pictures(sharp=False), _pictures(sharp=True), _part_maps())
    losses = [critic.learn(*batch) for _ in range(60)]
    assert losses[0] == pytest.approx(2 * math.log(len(PARTS) + 1), abs=2.5)
    assert losses[-1] < 0.5 * losses[0]


def test_what_it_urges_leads_towards_sharp_pictures(learnt: Critic) -> None:
    real, parts = _pictures(sharp=True), _part_maps()
    drawn = _pictures(sharp=False).requires_grad_(True)
    before = learnt.urge(drawn, real, parts)
    before.backward()
    assert drawn.grad is not None
    assert not any(parameter.requires_grad for parameter in learnt.network.parameters())
    assert learnt.urge(drawn + 0.2 * (real - drawn), real, parts) < before
    assert (drawn.grad * (real - drawn)).sum() < 0


def test_an_earring_that_is_not_drawn_is_asked_for(learnt: Critic) -> None:
    """More than a piece of skin of the same size that is drawn as hair."""
    real, parts = _pictures(sharp=True), _part_maps()
    earring = (parts == EARRINGS).repeat_interleave(2, 1).repeat_interleave(2, 2)[:, None]
    skin = earring.roll(6, 3) & ~earring
    right = learnt.urge(real, real, parts)
    without_earring = learnt.urge(torch.where(earring, real[:, :, :1, -1:], real), real, parts)
    with_hair = learnt.urge(torch.where(skin, real[:, :, :1, :1], real), real, parts)
    assert without_earring - right > with_hair - right > 0


def test_its_say_grows_from_nothing() -> None:
    critic = Critic(seed=0, processes=1)
    batch = (_pictures(sharp=False), _pictures(sharp=True), _part_maps())
    assert float(critic.urge(*batch)) == 0.0
    critic.learn(*batch)
    assert float(critic.urge(*batch)) != 0.0


def test_equal_seeds_begin_alike() -> None:
    first, second = (Critic(seed=3, processes=1).stored()["network"] for _ in range(2))
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_scores_are_half_as_large_as_pictures() -> None:
    scores, features = PartNetwork()(torch.zeros(2, 3, 64, 64))
    assert scores.shape == (2, len(PARTS) + 1, 32, 32)
    assert [tuple(map_.shape[1:]) for map_ in features] == [
        (32, 32, 32),
        (64, 16, 16),
        (96, 8, 8),
        (128, 8, 8),
    ]
