"""The critic of the demo's training."""

from __future__ import annotations

import pytest
import torch

from sfx.export.demo.critic import RAMP_STEPS, Critic


def _pictures(sharp: bool) -> torch.Tensor:
    """Stripes, or their blur."""
    generator = torch.Generator().manual_seed(1)
    stripes = (torch.rand(4, 3, 1, 32, generator=generator) < 0.5).float().expand(-1, -1, 32, -1) * 2 - 1
    blurred = torch.nn.functional.avg_pool2d(stripes, 5, 1, 2)
    return stripes if sharp else blurred


def test_it_learns_to_tell_soft_pictures_from_sharp_ones() -> None:
    critic = Critic(seed=0, processes=1)
    losses = [critic.learn(_pictures(sharp=False), _pictures(sharp=True)) for _ in range(60)]
    assert losses[0] == pytest.approx(2.0, abs=0.5)
    assert losses[-1] < 0.5


def test_what_it_urges_leads_to_sharper_pictures() -> None:
    critic = Critic(seed=0, processes=1)
    for _ in range(60):
        critic.learn(_pictures(sharp=False), _pictures(sharp=True))
    critic.steps = RAMP_STEPS
    real = _pictures(sharp=True)
    drawn = _pictures(sharp=False).requires_grad_(True)
    before = critic.urge(drawn, real)
    before.backward()
    assert drawn.grad is not None
    assert all(
        parameter.grad is None or not parameter.requires_grad for parameter in critic.network.parameters()
    )
    sharper = drawn.detach() - 0.2 * drawn.grad.sign()
    assert critic.urge(sharper, real) < before
    assert (sharper - real).abs().mean() < (drawn - real).abs().mean()


def test_its_say_grows_from_nothing() -> None:
    critic = Critic(seed=0, processes=1)
    drawn, real = _pictures(sharp=False), _pictures(sharp=True)
    assert float(critic.urge(drawn, real)) == 0.0
    critic.learn(drawn, real)
    assert float(critic.urge(drawn, real)) != 0.0


def test_equal_seeds_begin_alike() -> None:
    first, second = (Critic(seed=3, processes=1).stored()["network"] for _ in range(2))
    assert all(torch.equal(first[name], second[name]) for name in first)
