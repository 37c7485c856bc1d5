"""The model as it is trained: SPSE plus the parts that are thrown away, and its optimiser."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sfx.config import ModelConfig
from sfx.export.demo.dataset import told_entries
from sfx.export.demo.initialise import initialise, wake_coarse
from sfx.export.demo.losses import PictureLoss, picture_loss
from sfx.export.demo.prelu import use_fast_prelu
from sfx.export.demo.schedule import Phase
from sfx.export.demo.teacher import Teacher
from sfx.export.networks import COARSE_GAIN, FINE_GAIN, Spse, StyleHead
from sfx.export.operators import ModulatedConv2d
from sfx.export.precision import COMPUTED_IN

MAPPING_RATE = 800.0
"""Learning rate of the mapping network relative to the others, against the scale of its stored weights: 0.01, and
over the root of its width. With 50 it had learnt nothing where a plain network had learnt all colours."""
SYNTHESIS_RATE = 0.4
"""Learning rate of synthesis relative to the others, counted after the scale that its stored weights are used with.

At 1.5 for 50 minutes of synthesis alone a demo of 25.50 dB fell to 24.9 and ended at 25.43, one run.
"""
BEGUN_SYNTHESIS_RATE = 0.8
"""The same in a run that begins from a bundle.

From nothing it was 0.12, 0.19 and 0.09 dB behind at 1, 2 and 3 minutes of synthesis alone. Begun from 26.71 dB,
averaged weights stood at 26.43 after ten minutes at the full rate; at 0.4, from 26.57, at 26.24.
"""
FINE_OUTPUT_RATE = 0.5
COARSE_OUTPUT_RATE = 0.08
"""Learning rates of the style heads' last layers, which the gains of 6 and 60 follow."""
COARSE_RATE = 0.25
"""Learning rate of the rest of the coarse sketch encoder.

It was 1 while 99 % of the units before its last layer went off, and w came to deviate by 0.001 between sketches where
codes deviate by 1.5; whether the rate did that was not tested.
"""
SEEING = (
    *(
        f"model.encoder_{name}_fine.{part}"
        for name in ("sketch", "face")
        for part in (*(f"body.{digit}" for digit in range(1, 10)), "latlayer", "styles")
    ),
    "code_reader.",
    "map_reader.",
    "colour_reader.",
)
"""The fine encoders but their first layers, a third of the work; these see edges and areas long before the rest."""
LEARNING: Mapping[Phase, tuple[str, ...]] = {
    Phase.DECODER: (
        "teacher.",
        "model.decoder.input",
        "model.decoder.conv",
        "model.decoder.to_rgb",
    ),
    Phase.ENCODERS: (
        "model.encoder_sketch_fine.",
        "model.encoder_face_fine.",
        "model.decoder.style.",
        "code_reader.",
        "map_reader.",
    ),
    Phase.SEEING: SEEING,
    # A third of the work less than all: what the sketch encoders say is right where colours and light are not.
    Phase.COLOURING: ("model.encoder_face_fine.", "model.decoder."),
    # Twice as many samples a second as all networks: no gradient goes through an encoder.
    Phase.DRAWING: ("model.decoder.",),
    Phase.REFINING: (*SEEING, "model.encoder_sketch_coarse.styles.", "model.decoder.", "model.latent_avg"),
    **dict.fromkeys(
        (Phase.TOGETHER, Phase.SHARPENING), ("model.", "code_reader.", "map_reader.", "colour_reader.")
    ),
}
"""How the names of the tensors begin that a phase trains."""
TOLD_LAYERS = 3
"""How many appearance layers have directions for what `TOLD` names: the coarsest, for it changes whole areas."""
TOLD_STEP = 8.0
"""How far codes go for each deviation of an entry. Left to themselves, encoders told the light's side (R2 0.8) in a
200th of the codes' variance, and synthesis had drawn nothing of it after 25000 samples; so it did after 15000."""
READ_SIDE = 8
"""Side to which c3 is averaged before geometry is read off it."""


class Trainable(nn.Module):
    """A model with its trainable latent average, its teacher, and three linear heads that read descriptions.

    One head reads a portrait's geometry off the fine sketch encoder's deepest map c3, which teaches the trunk to see;
    another off the codes, which teaches the style heads to hand on what it saw; the third reads colours off the
    appearance codes. Heads and teacher are thrown away after training.
    """

    told_directions: Tensor

    def __init__(self, config: ModelConfig, features: int, values: int, seed: int) -> None:
        super().__init__()
        # The constructors draw weights too; processes that share gradients must begin alike.
        torch.manual_seed(seed)
        self.model = Spse(config)
        initialise(self.model)
        use_fast_prelu(self.model)
        for part in (
            self.model.encoder_sketch_coarse,
            self.model.encoder_sketch_fine,
            self.model.encoder_face_fine,
        ):
            use_channels_last(part)
        use_channels_last(self.model.decoder.input)
        self.model.latent_avg.requires_grad_(True)
        self.code_reader = nn.Linear(config.geometry_layers * config.style_width, features)
        self.map_reader = nn.Linear(config.sketch_fine.widths[3] * READ_SIDE**2, features)
        self.colour_reader = nn.Linear(
            (config.n_styles - config.geometry_layers) * config.style_width, values
        )
        for reader in (self.code_reader, self.map_reader, self.colour_reader):
            # A reader that knows nothing yet asks for nothing: a bundle holds no readers, and encoders that go on
            # learning from one were first pulled at by random ones (gradient's norm 2.3 instead of 1.9, 25 steps).
            nn.init.zeros_(reader.weight)
            nn.init.zeros_(reader.bias)
        self.compare: Callable[[Tensor, Tensor, Tensor], PictureLoss] = picture_loss
        """Pictures, targets and weights -> how far they are apart."""
        self.teacher = Teacher(config, features, values)
        self.register_buffer("told_directions", told_directions(config.style_width), persistent=False)
        self._deepest_map = torch.zeros(())
        self.model.encoder_sketch_fine.body[-1].register_forward_hook(self._keep_deepest_map)

    def fix_normalisation(self) -> None:
        """Let BatchNorm normalise by the statistics that it gathered, as it will in use, and gather no more.

        Until `train()` is called again. The mean over a batch of eight pictures goes with the colours that happen to be
        in it, and takes from each picture what its own colours are.
        """
        for module in self.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eval()

    def wake_coarse(self, sketches: Tensor) -> bool:
        """`initialise.wake_coarse`, told by label maps uint8 (N, H, W)."""
        return wake_coarse(self.model, one_hot(sketches, self.model.config.label_count).float())

    def sketch_codes(self, sketches: Tensor) -> Tensor:
        """Label maps uint8 (N, H, W) -> sketch codes (N, n_styles, style_width)."""
        return self.model.sketch_codes(one_hot(sketches, self.model.config.label_count))

    def fine_sketch_codes(self, sketches: Tensor) -> Tensor:
        """Label maps uint8 (N, H, W) -> what the fine encoder adds to the geometry layers (N, layers, width)."""
        label_count = self.model.config.label_count
        codes: Tensor = FINE_GAIN * self.model.encoder_sketch_fine(one_hot(sketches, label_count))
        return codes

    @torch.no_grad()
    def centre(self) -> None:
        """Set `latent_avg` so that codes are the teacher's mean plus what the fine encoders add.

        The coarse encoder's head starts constant (`initialise`), and with it the w that it adds to every layer.
        """
        head = self.model.encoder_sketch_coarse.styles["0"]
        assert isinstance(head, StyleHead)
        w = self.model.decoder.mapping(COARSE_GAIN * head.linear.bias[None])
        self.model.latent_avg.copy_(self.teacher.mean - w)

    def _keep_deepest_map(self, _module: nn.Module, _inputs: object, output: Tensor) -> None:
        self._deepest_map = output if self.training else torch.zeros(())

    def geometry(self, sketch_codes: Tensor) -> tuple[Tensor, Tensor]:
        """Geometry vectors (N, features), standardised, as read off these codes and off the map they came from.

        In training mode, after `sketch_codes`.
        """
        from_codes: Tensor = self.code_reader(sketch_codes[:, : self.model.config.geometry_layers].flatten(1))
        pooled = F.adaptive_avg_pool2d(self._deepest_map, READ_SIDE)
        from_map: Tensor = self.map_reader(pooled.flatten(1))
        self._deepest_map = torch.zeros(())
        return from_codes.float(), from_map.float()

    def colours(self, appearance_codes: Tensor) -> Tensor:
        """Appearance vectors (N, values), standardised, as read off these codes."""
        read: Tensor = self.colour_reader(appearance_codes.flatten(1))
        return read.float()

    def appearance_codes(self, references: Tensor) -> Tensor:
        """Pictures uint8 (G, 3, H, W) -> appearance codes (G, layers, style_width)."""
        return self.model.appearance_codes(as_floats(references))

    def said(self, appearance_codes: Tensor) -> Tensor:
        """What these codes say of `TOLD`: (N, TOLD_LAYERS, entries), standardised, once in each layer."""
        said: Tensor = appearance_codes[:, :TOLD_LAYERS].float() @ self.told_directions.T / TOLD_STEP
        return said

    def told(self, appearance_codes: Tensor, entries: Tensor) -> Tensor:
        """Codes (N, layers, style_width) that say instead these entries (N, entries) of `TOLD`, standardised."""
        change = TOLD_STEP * (entries[:, None] - self.said(appearance_codes)) @ self.told_directions
        first = appearance_codes[:, :TOLD_LAYERS].float() + change
        return torch.cat([first, appearance_codes[:, TOLD_LAYERS:].float()], dim=1)

    def draw(self, codes: Tensor, size: int) -> Tensor:
        """Codes -> pictures float32 (N, 3, size, size)."""
        return self.model.decoder.synthesis(codes, size=size).float()

    def trained(self) -> dict[str, Tensor]:
        """Everything that the optimiser changes, by name."""
        return {**dict(self.named_parameters()), "model.latent_avg": self.model.latent_avg}

    def trained_in(self, phase: Phase) -> dict[str, Tensor]:
        """What the optimiser changes in a phase, by name."""
        learning = LEARNING[phase]
        return {name: tensor for name, tensor in self.trained().items() if name.startswith(learning)}

    def stored(self) -> dict[str, Tensor]:
        """Everything that a checkpoint keeps, by name."""
        return {**self.state_dict(), "model.latent_avg": self.model.latent_avg.detach()}

    @torch.no_grad()
    def load_stored(self, state: dict[str, Tensor]) -> None:
        """The inverse of `stored`."""
        average = state["model.latent_avg"]
        self.load_state_dict({name: value for name, value in state.items() if name != "model.latent_avg"})
        self.model.latent_avg.copy_(average)


def told_directions(style_width: int) -> Tensor:
    """(entries, style_width): orthogonal directions of unit length, the same in every run."""
    entries = len(told_entries())
    noise = torch.randn(entries, style_width, generator=torch.Generator().manual_seed(0))
    orthogonal, triangle = torch.linalg.qr(noise.T)
    directions: Tensor = (orthogonal * triangle.diagonal().sign()).T.contiguous()
    return directions


def use_channels_last(module: nn.Module) -> None:
    """Store 4-D parameters with their channels innermost, as oneDNN's BF16 convolutions on a CPU want them."""
    for parameter in module.parameters():
        if parameter.ndim == 4:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)


def one_hot(sketches: Tensor, classes: int) -> Tensor:
    """Label maps uint8 (N, H, W) -> (N, classes, H, W) in channels-last; background gives no channel."""
    ids = torch.arange(1, classes + 1, dtype=torch.uint8)
    return (sketches[..., None] == ids).to(COMPUTED_IN).permute(0, 3, 1, 2)


def as_floats(pictures: Tensor) -> Tensor:
    """uint8 -> float32 in [-1, 1], channels-last."""
    return (pictures.float() / 127.5 - 1.0).contiguous(memory_format=torch.channels_last)


def resized(pictures: Tensor, size: int) -> Tensor:
    """Square pictures (N, C, H, H) averaged down to `size`."""
    return pictures if pictures.shape[-1] == size else F.avg_pool2d(pictures, pictures.shape[-1] // size)


def relative_rates(trainable: Trainable, synthesis_rate: float = SYNTHESIS_RATE) -> dict[str, float]:
    """The learning rate of each trained tensor relative to the base rate, by name."""
    rates = dict.fromkeys(trainable.trained(), 1.0)
    for name in rates:
        if ".decoder.style." in name:
            rates[name] = MAPPING_RATE
        elif "coarse" in name:
            rates[name] = COARSE_OUTPUT_RATE if ".linear." in name else COARSE_RATE
        elif ".linear." in name:
            rates[name] = FINE_OUTPUT_RATE
    for name, module in trainable.named_modules():
        if isinstance(module, ModulatedConv2d):
            rates[f"{name}.weight"] = synthesis_rate / module.scale
            rates[f"{name}.modulation.weight"] = synthesis_rate / module.modulation.scale
    return rates


def optimiser_of(trainable: Trainable, synthesis_rate: float = SYNTHESIS_RATE) -> torch.optim.Adam:
    """Adam with a parameter group for each relative rate, kept in the group's `relative_rate`."""
    trained, rates = trainable.trained(), relative_rates(trainable, synthesis_rate)
    groups = [
        {"params": [trained[name] for name in trained if rates[name] == rate], "relative_rate": rate}
        for rate in sorted(set(rates.values()))
    ]
    return torch.optim.Adam(groups, lr=0.0, betas=(0.9, 0.99), fused=True)
