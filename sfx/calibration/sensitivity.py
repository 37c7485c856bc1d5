"""What each group of a bundle's layers in INT8 does to the picture, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from sfx.calibration.draft import Draft
from sfx.calibration.drawing import Fp32Faces
from sfx.calibration.equalise import equalise
from sfx.calibration.forms import FORMS
from sfx.calibration.layers import Convolution, Layer, convolutions, grouped, worthwhile
from sfx.calibration.plans import Damage
from sfx.calibration.quality import psnr
from sfx.calibration.quantise import load_model
from sfx.calibration.ranges import TensorRange, record_ranges

Progress = Callable[[str], None]
Ranges = Mapping[str, Mapping[str, TensorRange]]
"""By graph and tensor."""

GRAPHS = ("sketch_encoder", "appearance_encoder", "synthesis")
"""The graphs that are calibrated. Mapping is 0.001 % of the arithmetic and stays in FP32 in every form."""


def prepare_graphs(draft: Draft, fp32: Fp32Faces, progress: Progress) -> tuple[list[Layer], Ranges]:
    """Even out each graph's modulated convolutions, and record its ranges; returns what may be lowered as well."""
    found: list[Convolution] = []
    ranges: dict[str, dict[str, TensorRange]] = {}
    for name in GRAPHS:
        progress(f"{name}: recording ranges")
        entry = draft.source.manifest.graph(name)
        model = load_model(draft.folder / entry.file.path)
        dense = convolutions(name, model, FORMS[entry.precision])
        equalise(model, dense, fp32.feeds(name))
        draft.prepare(name, model)
        tensors = list(dict.fromkeys(tensor for one in dense for tensor in (one.source, one.result)))
        ranges[name] = record_ranges(name, model, tensors, fp32.feeds(name))
        found += dense
    shapes = {(graph, name): one.shape for graph, by_name in ranges.items() for name, one in by_name.items()}
    return worthwhile(found, shapes), ranges


def measure_damages(
    draft: Draft, fp32: Fp32Faces, layers: Sequence[Layer], ranges: Ranges, most: int, progress: Progress
) -> list[Damage]:
    """Damage to the faces of about `most` groups, each alone in INT8."""
    damages = []
    groups = grouped(layers, most)
    for number, group in enumerate(groups, start=1):
        faces = fp32.exchanged(draft.with_int8(group.layers, ranges), group.graph)
        damages.append(Damage(group, psnr(fp32.faces, faces)))
        progress(f"{number}/{len(groups)} {group.graph}, {group.name}: {damages[-1].psnr_db:.1f} dB")
    return damages
