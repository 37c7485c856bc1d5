"""Centred layers step as layers that are given their inputs less the mean."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from sfx.export.demo.centring import BIAS_STEPS, Centring, Link, links
from sfx.export.networks import Spse
from tests.export.demo_fixtures import NARROW

RATE = 1e-3


@pytest.fixture
def model() -> Spse:
    torch.manual_seed(3)
    made = Spse(NARROW).eval()
    for module in made.modules():
        if isinstance(module, nn.BatchNorm2d):
            assert module.running_var is not None
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.uniform_(module.running_var, 0.5, 2.0)
    return made


@pytest.fixture
def inputs() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(4)
    sketches = (torch.rand(2, NARROW.label_count, 256, 256, generator=generator) < 0.02).float()
    return sketches, torch.rand(2, 3, 256, 256, generator=generator) * 2.0 - 1.0


def _picture(model: Spse, inputs: tuple[Tensor, Tensor]) -> Tensor:
    sketches, photos = inputs
    return model.decoder.synthesis(
        model.combine(model.sketch_codes(sketches), model.appearance_codes(photos)), size=128
    )


def _step(centring: Centring, tensors: tuple[Tensor, ...], loss: Callable[[], Tensor]) -> None:
    for tensor in tensors:
        tensor.grad = None
    loss().backward()  # type: ignore[no-untyped-call]
    centring.centre_gradients()
    with torch.no_grad():
        for tensor in tensors:
            assert tensor.grad is not None
            tensor.sub_(RATE * tensor.grad)
    centring.keep_means()


def _link(model: Spse, name: str) -> Link:
    (found,) = [link for link in links(model) if link.name == name]
    return found


@pytest.mark.parametrize(
    "name",
    [
        "encoder_sketch_fine.body.1.res_layer.3",
        "encoder_sketch_fine.body.2.shortcut_layer.0",
        "encoder_face_fine.styles.9.convs.2",
        "encoder_face_fine.styles.9.linear",
        "decoder.convs.3.conv.modulation",
    ],
)
def test_a_step_is_that_of_a_layer_whose_inputs_have_no_mean(
    model: Spse, inputs: tuple[Tensor, Tensor], name: str
) -> None:
    link = _link(model, name)
    weight, bias = link.layer.weight, link.bias
    centring = Centring(model, (weight, bias), {})
    assert set(centring.means) == {name}
    centring.measure(lambda: _picture(model, inputs))
    mean = centring.means[name]
    assert mean.norm() > 1e-3

    names = {id(parameter): path for path, parameter in model.named_parameters()}
    learnt_weight = weight.detach().clone().requires_grad_(True)
    learnt_bias = bias.detach().clone().requires_grad_(True)

    def stored_bias() -> Tensor:
        """Of the layer as it is stored, which is given its inputs as they are."""
        change = learnt_weight - weight.detach()
        return learnt_bias - link.gain() * ((change.sum((2, 3)) if change.ndim == 4 else change) @ mean)

    exchanged = {names[id(weight)]: learnt_weight, names[id(bias)]: stored_bias()}
    drawn = torch.func.functional_call(
        _Drawing(model), {f"model.{path}": value for path, value in exchanged.items()}, (inputs,)
    )
    drawn.square().sum().backward()
    assert learnt_weight.grad is not None
    assert learnt_bias.grad is not None
    with torch.no_grad():
        learnt_weight.sub_(RATE * learnt_weight.grad)
        learnt_bias.sub_(BIAS_STEPS * RATE * learnt_bias.grad)
        expected_bias = stored_bias()

    before = weight.detach().clone(), bias.detach().clone()
    _step(centring, (weight, bias), lambda: _picture(model, inputs).square().sum())
    for found, expected, old in zip((weight, bias), (learnt_weight, expected_bias), before, strict=True):
        moved = (expected - old).abs().max()
        assert moved > 0
        assert (found - expected).abs().max() < 1e-3 * moved + 1e-7


class _Drawing(nn.Module):
    def __init__(self, model: Spse) -> None:
        super().__init__()
        self.model = model

    def forward(self, inputs: tuple[Tensor, Tensor]) -> Tensor:
        return _picture(self.model, inputs)


def test_only_layers_whose_weight_and_bias_both_learn_are_centred(model: Spse) -> None:
    link = _link(model, "encoder_sketch_fine.styles.0.linear")
    assert not Centring(model, (link.layer.weight,), {}).means
    assert not Centring(model, (), {}).means
    everything = Centring(model, model.parameters(), {}).means
    assert link.name in everything
    assert not [name for name in everything if name.startswith("decoder.style.")]


def test_a_step_of_many_weights_shifts_all_codes_less(model: Spse, inputs: tuple[Tensor, Tensor]) -> None:
    sketches, _ = inputs
    encoder = model.encoder_sketch_fine
    centring = Centring(model, encoder.parameters(), {})
    centring.measure(lambda: encoder(sketches))
    stored = {name: value.clone() for name, value in model.state_dict().items()}
    with torch.no_grad():
        codes = encoder(sketches)

    def shift(kept: bool) -> Tensor:
        """How far the mean of codes goes when weights are changed at random."""
        model.load_state_dict(stored)
        for parameter in encoder.parameters():
            parameter.grad = torch.zeros_like(parameter)
        centring.centre_gradients()
        generator = torch.Generator().manual_seed(5)
        with torch.no_grad():
            for name in centring.means:
                weight = _link(model, name).layer.weight
                weight.add_(torch.randn(weight.shape, generator=generator) * 0.01 * weight.std())
            if kept:
                centring.keep_means()
            return (encoder(sketches) - codes).mean(0).norm()

    assert shift(kept=True) < 0.6 * shift(kept=False)
