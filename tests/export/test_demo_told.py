"""Light and colours: said in directions of the appearance codes, and told to synthesis while it learns to draw them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from sfx.calibration.portraits import geometry_vector_names
from sfx.export.demo.batches import Batch, BatchSource
from sfx.export.demo.dataset import appearance_vector_names, told_entries
from sfx.export.demo.objectives import OBJECTIVES, Objective, of_all, of_colouring
from sfx.export.demo.schedule import Phase
from sfx.export.demo.trainable import TOLD_LAYERS, Trainable, told_directions
from tests.export.demo_fixtures import NARROW, draw_small_set

LIGHT = appearance_vector_names().index("light_x")


@pytest.fixture(scope="module")
def batch(tmp_path_factory: pytest.TempPathFactory) -> Batch:
    folder = draw_small_set(tmp_path_factory.mktemp("portraits"))
    batch = BatchSource(folder, 4, NARROW.style_width, 0, 0, geometry_vector_names()).batch(0)
    return replace(batch, random_appearance=torch.zeros(4, dtype=torch.bool))


@pytest.fixture
def trainable(batch: Batch) -> Trainable:
    return Trainable(NARROW, batch.geometry.shape[1], batch.appearance.shape[1], seed=1)


def lit_from_the_other_side(batch: Batch) -> Batch:
    """The same pictures, with a description that is wrong about the light."""
    appearance = batch.appearance.clone()
    appearance[:, LIGHT] *= -1.0
    return replace(batch, appearance=appearance)


def test_the_light_and_the_colours_of_areas_are_told() -> None:
    names = np.array(appearance_vector_names())[told_entries()]
    assert names[0] == "light_x"
    assert {(name, int((names == name).sum())) for name in names[1:]} == {
        (name, 3) for name in ("hair", "clothes", "trim", "eye", "lip")
    }


def test_every_entry_has_a_direction_of_its_own() -> None:
    directions = told_directions(NARROW.style_width)
    torch.testing.assert_close(directions @ directions.T, torch.eye(len(told_entries())))
    assert torch.equal(directions, told_directions(NARROW.style_width))


def test_codes_say_what_they_are_told_and_all_else_as_before(trainable: Trainable) -> None:
    codes = torch.randn(3, 6, NARROW.style_width)
    entries = torch.randn(3, len(told_entries()))
    told = trainable.told(codes, entries)
    torch.testing.assert_close(trainable.said(told), entries[:, None].expand(3, TOLD_LAYERS, -1))
    assert torch.equal(told[:, TOLD_LAYERS:], codes[:, TOLD_LAYERS:])
    torch.testing.assert_close(trainable.told(told, trainable.said(codes)[:, 0])[:, 0], codes[:, 0])


def test_colouring_draws_by_what_is_described(trainable: Trainable, batch: Batch) -> None:
    both = (batch, lit_from_the_other_side(batch))
    assert len({of_colouring(trainable, one, 64)[1]["loss"] for one in both}) == 2


def test_all_networks_together_are_told_what_a_reference_hides(trainable: Trainable, batch: Batch) -> None:
    both = (batch, lit_from_the_other_side(batch))
    for all_shown, different in ((True, 1), (False, 2)):
        shown = torch.full((4,), all_shown)
        losses = {of_all(trainable, replace(one, shown=shown), 64)[1]["loss"] for one in both}
        assert len(losses) == different, (
            "expected descriptions to count where a reference hides, and only there"
        )


def test_refining_heeds_descriptions_less_and_the_picture_as_much(trainable: Trainable, batch: Batch) -> None:
    seeing, figures = OBJECTIVES[Phase.SEEING](trainable, batch, 64)
    refining, same = OBJECTIVES[Phase.REFINING](trainable, batch, 64)
    assert figures == same
    assert figures["loss"] < refining.item() < seeing.item()


@pytest.mark.parametrize(("objective", "left"), [(of_colouring, 0.4), (of_all, 0.8)])
def test_appearance_codes_learn_to_say_it(
    objective: Objective, left: float, trainable: Trainable, batch: Batch
) -> None:
    encoder = trainable.model.encoder_face_fine
    optimiser = torch.optim.Adam(encoder.parameters(), lr=3e-3)
    figures = []
    for _ in range(16):
        optimiser.zero_grad()
        loss, figure = objective(trainable, batch, 64)
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        figures.append(figure["told"])
    assert figures[-1] < left * figures[0], figures
