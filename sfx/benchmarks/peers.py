"""What sfx is measured against: the original's form in eager PyTorch, on the same machine in the same run.

The peer has the model's shapes and random weights, dead style heads included: a bundle no longer holds
those, and the time of a dense network does not depend on its values.
"""

from __future__ import annotations

from sfx.benchmarks.bench import Runner, StageTimes, Stopwatch
from sfx.config import ModelConfig
from sfx.errors import MissingPackageError
from sfx.samples import sample_appearance, sample_label_map

EAGER = "eager original"


def peer_runners(config: ModelConfig, batch: int) -> list[Runner]:
    """The peers at one batch size. Raises MissingPackageError without torch."""
    try:
        import numpy as np
        import torch

        from sfx.export.networks import Spse
        from sfx.export.proof import Published, to_bytes
    except ModuleNotFoundError as error:
        raise MissingPackageError(
            f"peers: expected the package {error.name}, found none; install it with: pip install 'sfx[export]'"
        ) from error

    torch.manual_seed(0)
    model = Spse(config.with_all_heads())
    published = Published(config, model.state_dict(), model.latent_avg, all_heads=True)
    sketches = [sample_label_map(seed, config.encoder_size) for seed in range(batch)]
    photos = [sample_appearance(seed, config.appearance_size) for seed in range(batch)]
    label_map = torch.from_numpy(np.stack(sketches))
    appearance = torch.from_numpy(np.stack(photos))
    split = config.geometry_layers

    def run() -> StageTimes:
        watch = Stopwatch()
        with torch.inference_mode():
            appearance_codes = watch.stage(
                "appearance_encoder", lambda: published.appearance_codes(appearance)
            )
            codes, _ = watch.stage("sketch_encoder", lambda: published.sketch_codes(label_map))
            codes[:, split:] += appearance_codes
            watch.stage("synthesis", lambda: to_bytes(published.image(codes)).numpy())
        return watch.times

    return [Runner(EAGER, batch, "torch", "cpu", "fp32", run)]
