"""What each phase of training minimises, and the figures of it that the log shows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from sfx.export.demo.batches import Batch, Portraits
from sfx.export.demo.critic import Critic
from sfx.export.demo.dataset import told_entries
from sfx.export.demo.losses import PictureLoss, description_loss, feature_weights, style_loss
from sfx.export.demo.schedule import Phase
from sfx.export.demo.trainable import Trainable, as_floats, resized
from sfx.export.precision import mixed_precision


@dataclass(frozen=True)
class Guidance:
    """Weights of what is read off codes and maps beside the picture's loss, once the encoders can see."""

    read: float
    """Of descriptions of the portraits."""
    told: float
    """Of what appearance codes say of light and colours: a quarter for each entry."""


SEEING_GUIDANCE = Guidance(read=0.3, told=4.0)
REFINING_GUIDANCE = Guidance(read=0.1, told=1.0)
"""Less for networks that know what descriptions say: of a demo at 27.6 dB, a step by 8 samples goes along the gradient
of 480 others' PSNR (24 steps, Adam's scale) by 2.31 with `SEEING_GUIDANCE`; told 1, by 0.41 (+- 0.21) more; nothing
read, by 0.23 (+- 0.12) more."""

Objective = Callable[[Trainable, Any, int], tuple[Tensor, dict[str, float]]]
"""Model, batch and side of the pictures -> what is minimised, and named figures."""


def of_decoder(trainable: Trainable, batch: Portraits, size: int) -> tuple[Tensor, dict[str, float]]:
    """The pictures' distance, drawn from the teacher's codes."""
    with mixed_precision():
        drawn = trainable.draw(trainable.teacher(batch.geometry, batch.appearance), size)
    loss = _compared(trainable, drawn, _targets(batch, size), batch)
    return loss.total, {"loss": loss.total.item(), "l1": loss.l1.item()}


def of_encoders(trainable: Trainable, batch: Batch, _size: int) -> tuple[Tensor, dict[str, float]]:
    """The distance from the teacher's codes.

    The coarse encoder adds a constant in this phase (`Trainable.centre`) and is left out, and half of the
    references: colours are learnt in fewer samples than shapes. Both save a third of the time.
    """
    model, teacher = trainable.model, trainable.teacher
    split = model.config.geometry_layers
    some = slice(0, (len(batch.targets) + 1) // 2)
    with torch.no_grad():
        codes = teacher(batch.geometry, batch.appearance)
    with mixed_precision():
        shape = teacher.mean[:split] + trainable.fine_sketch_codes(batch.sketches)
        geometry = trainable.geometry(shape)
        colours = teacher.mean[split:] + trainable.appearance_codes(batch.references[some])
        at_random = model.decoder.mapping(batch.latents)[:, None].expand(-1, codes.shape[1] - split, -1)
    of_shape = style_loss(model.decoder, shape.float(), codes[:, :split])
    of_colours = style_loss(model.decoder, colours.float(), codes[some, split:], split)
    of_latents = style_loss(model.decoder, at_random.float(), codes[:, split:], split)
    from_codes, from_map = (description_loss(read, batch.geometry) for read in geometry)
    figures = {
        "shape": of_shape.item(),
        "colours": of_colours.item(),
        "latents": of_latents.item(),
        "geometry": from_codes.item(),
    }
    return of_shape + of_colours + of_latents + (from_codes + from_map), figures


def of_colouring(trainable: Trainable, batch: Batch, size: int) -> tuple[Tensor, dict[str, float]]:
    """The pictures' distance, with appearance codes that are told light and colours, and how well they told them."""
    with mixed_precision():
        appearance_codes = trainable.appearance_codes(batch.references)
        told = _told(trainable, appearance_codes, batch)
        codes = _with_appearance(trainable, trainable.sketch_codes(batch.sketches), told, batch)
        drawn = trainable.draw(codes, size)
    loss = _compared(trainable, drawn, _targets(batch, size), batch)
    of_told = _told_loss(trainable, appearance_codes, batch)
    figures = {"loss": loss.total.item(), "l1": loss.l1.item(), "told": of_told.item()}
    return loss.total + SEEING_GUIDANCE.told * of_told, figures


def of_drawing(trainable: Trainable, batch: Batch, size: int) -> tuple[Tensor, dict[str, float]]:
    """The pictures' distance alone, drawn from sketches and references."""
    with mixed_precision():
        sketch_codes = trainable.sketch_codes(batch.sketches)
        codes = _with_appearance(trainable, sketch_codes, trainable.appearance_codes(batch.references), batch)
        drawn = trainable.draw(codes, size)
    loss = _compared(trainable, drawn, _targets(batch, size), batch)
    return loss.total, {"loss": loss.total.item(), "l1": loss.l1.item()}


def of_all(
    trainable: Trainable,
    batch: Batch,
    size: int,
    critic: Critic | None = None,
    guidance: Guidance = SEEING_GUIDANCE,
) -> tuple[Tensor, dict[str, float]]:
    """The pictures' distance, drawn from sketches and references, and how well their descriptions can be read.

    Light and colours are told where the reference does not show all that the target shows, so that networks are not
    taught by what none could know. A critic learns from the batch, and has its say.
    """
    with mixed_precision():
        sketch_codes = trainable.sketch_codes(batch.sketches)
        appearance_codes = trainable.appearance_codes(batch.references)
        told = _told(trainable, appearance_codes, batch)
        known = torch.where(batch.shown[:, None, None], appearance_codes.float(), told)
        codes = _with_appearance(trainable, sketch_codes, known, batch)
        geometry, colours = trainable.geometry(sketch_codes), trainable.colours(appearance_codes)
        drawn = trainable.draw(codes, size)
    real = _targets(batch, size)
    loss = _compared(trainable, drawn, real, batch)
    from_codes, from_map = (description_loss(read, batch.geometry) for read in geometry)
    of_colours = description_loss(colours, batch.appearance)
    of_told = _told_loss(trainable, appearance_codes, batch)
    figures = {
        "loss": loss.total.item(),
        "l1": loss.l1.item(),
        "geometry": from_codes.item(),
        "colours": of_colours.item(),
        "told": of_told.item(),
    }
    total = loss.total + guidance.read * (from_codes + from_map + of_colours) + guidance.told * of_told
    if critic is not None:
        figures["critic"] = critic.learn(drawn, real, batch.parts)
        urged = critic.urge(drawn, real, batch.parts)
        figures["urged"] = urged.item()
        total = total + urged
    return total, figures


_of_knowing = partial(of_all, guidance=REFINING_GUIDANCE)
"""All, for networks that know what descriptions say."""


def sharpening(critic: Critic) -> Objective:
    """The same with a critic's say."""
    return partial(_of_knowing, critic=critic)


def _targets(batch: Portraits, size: int) -> Tensor:
    return resized(as_floats(batch.targets), size)


def _compared(trainable: Trainable, drawn: Tensor, real: Tensor, batch: Portraits) -> PictureLoss:
    return trainable.compare(drawn, real, feature_weights(batch.parts, real.shape[-1]))


def _told(trainable: Trainable, appearance_codes: Tensor, batch: Batch) -> Tensor:
    """Appearance codes that say instead the light and colours that the batch is described with."""
    return trainable.told(appearance_codes, batch.appearance[:, told_entries()])


def _told_loss(trainable: Trainable, appearance_codes: Tensor, batch: Batch) -> Tensor:
    said = trainable.said(appearance_codes)
    return description_loss(said, batch.appearance[:, None, told_entries()].expand_as(said))


def _with_appearance(
    trainable: Trainable, sketch_codes: Tensor, appearance_codes: Tensor, batch: Batch
) -> Tensor:
    """Codes of a batch: each sample's reference or latent gives the appearance."""
    model = trainable.model
    codes = model.combine(sketch_codes, appearance_codes)
    at_random = model.decoder.mapping(batch.latents)[:, None]
    chosen = batch.random_appearance[:, None, None]
    split = model.config.geometry_layers
    appearance = torch.where(chosen, at_random.float(), codes[:, split:].float())
    return torch.cat([codes[:, :split].float(), appearance], dim=1)


OBJECTIVES: Mapping[Phase, Objective] = {
    Phase.DECODER: of_decoder,
    Phase.ENCODERS: of_encoders,
    Phase.SEEING: of_all,
    Phase.COLOURING: of_colouring,
    Phase.DRAWING: of_drawing,
    Phase.REFINING: _of_knowing,
    Phase.TOGETHER: of_all,
    Phase.SHARPENING: _of_knowing,
}
