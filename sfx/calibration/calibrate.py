"""`sfx calibrate`: from a bundle to one whose less sensitive layers compute in INT8, at a measured price."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sfx.calibration import emulated
from sfx.calibration.draft import Draft
from sfx.calibration.drawing import Fp32Faces, draw_with
from sfx.calibration.forms import form_of
from sfx.calibration.layers import Layer
from sfx.calibration.packages import import_onnx, import_onnx_ir, import_onnxruntime
from sfx.calibration.plans import Budget, Damage, choose
from sfx.calibration.quality import dissimilarity, face_psnrs, pooled
from sfx.calibration.sensitivity import GRAPHS, Progress, Ranges, measure_damages, prepare_graphs
from sfx.calibration.sets import CalibrationSet
from sfx.engines.backends import Choice, installed_backends
from sfx.engines.backends import choose as choose_backend
from sfx.engines.bundle import Bundle
from sfx.engines.bundle_writing import check_target, tool_versions, whole_or_absent
from sfx.engines.cache import without_cache
from sfx.engines.lowering import LayerPrecision, Lowering, Price
from sfx.engines.manifest import MANIFEST, Measurement
from sfx.engines.recorded import read_arrays, replay
from sfx.errors import BundleError

Pixels = NDArray[np.uint8]

SET, PROOF = "calibration set", "proof's inputs"
SHOWN = 4
"""Faces that are kept for the report's picture."""
HEADROOM = 1.5
"""Between the difference from the published form that a lowered graph shows here and what `sfx verify` takes for
damage: other CPUs add in another order, and a value next to a rounding step may fall either way."""


@dataclass(frozen=True)
class Way:
    """One way to run a bundle here, as a price names it."""

    backend: str
    precision: str
    draw: Callable[[Bundle, CalibrationSet], Pixels]
    """What it makes of a set: (N, output_size, output_size, 3) RGB."""

    @classmethod
    def by(cls, choice: Choice) -> Way:
        """By engines that are made for it alone."""
        return cls(choice.backend, choice.precision, lambda bundle, pairs: draw_with(bundle, choice, pairs))


@dataclass(frozen=True)
class Request:
    """What to calibrate for."""

    budget: Budget
    high: str | None = None
    """What the layers compute in that stay high: what the graphs are in, or "bf16" for graphs in FP32."""
    groups: int = 48
    """About how many groups of layers to measure the damage of, one by one."""


@dataclass(frozen=True)
class Result:
    """What was measured, and the bundle that came of it."""

    bundle: Bundle
    lowering: Lowering
    ranges: Ranges
    damages: Sequence[Damage]
    chosen: frozenset[Layer]
    expected: Pixels
    """The first faces of the set by the source's graphs, computed in FP32."""
    found: Pixels
    """The same by the new bundle."""


def calibrate(
    source: Bundle,
    out: Path,
    pairs: CalibrationSet,
    request: Request,
    *,
    force: bool = False,
    progress: Progress = lambda _: None,
) -> Result:
    """Write a bundle to `out`, whole or absent, whose pictures of `pairs` keep the budget on every CPU backend here.

    Graphs may be in FP32 or in FP16; either way pictures are held against those of the same graphs without INT8,
    computed in FP32 on the CPU. FP16 graphs keep the budget with every FP16 result rounded as well, as on a GPU.

    Raises BudgetError where no layer can be lowered within the budget, BundleError for a bundle that is calibrated
    already or an `out` that is in the way, InputError for a `high` that the graphs cannot compute in,
    MissingPackageError without onnx and onnxruntime, and for FP16 graphs onnx_ir, EngineError without BF16 where asked.
    """
    import_onnx()
    import_onnxruntime()
    if source.manifest.lowering is not None:
        raise BundleError(
            f"{source.path}: expected a bundle as exported, found one that was calibrated already"
        )
    form = form_of(source, GRAPHS)
    high = form.high(request.high)
    check_target(out, force=force)
    first = choose_backend("openvino", "cpu", form.on_cpu[high])
    # A CPU without BF16 says so here, and not after minutes.
    first.load(source, "mapping").close()
    ways = _ways(first, high)
    with whole_or_absent(out) as making, Fp32Faces(source, choose_backend("openvino", "cpu"), pairs) as fp32:
        draft = Draft.begin(source, making)
        layers, ranges = prepare_graphs(draft, fp32, progress)
        damages = measure_damages(draft, fp32, layers, ranges, request.groups, progress)

        def measure(trial: Sequence[Layer]) -> list[Price]:
            return prices_of(draft.with_int8(trial, ranges), ways, pairs, fp32.faces)

        chosen, prices = choose(damages, request.budget, measure, progress)
        progress("measuring what was chosen")
        lowered = draft.with_int8(chosen, ranges)
        found = ways[0].draw(lowered, pairs)
        prices += _proof_prices(source, lowered, ways, pairs)
        lowering = Lowering(
            plan=_plan(layers, chosen, high),
            chosen_on=pairs.description,
            target_psnr_db=request.budget.psnr_db,
            most_dissimilarity=request.budget.dissimilarity,
            prices=tuple(prices),
        )
        bundle = _with_record(lowered, lowering)
        draft.keep_only(bundle)
        (making / MANIFEST).write_text(bundle.manifest.to_json(), encoding="utf-8")
        shown = fp32.faces[:SHOWN], found[:SHOWN]
    return Result(Bundle.open(out), lowering, ranges, damages, frozenset(chosen), *shown)


def _ways(first: Choice, high: str) -> list[Way]:
    """Every way to run the bundle here, `first` first; emulated as well where it is asked for other than `high`."""
    others = [choose_backend(name, "cpu") for name in installed_backends("cpu")]
    choices = [
        first,
        *(
            choice
            for choice in others
            if (choice.backend, choice.precision) != (first.backend, first.precision)
        ),
    ]
    ways = [Way.by(choice) for choice in choices]
    if first.precision != high:
        import_onnx_ir()
        ways.append(Way(emulated.BACKEND, emulated.PRECISION, emulated.draw_emulated))
    return ways


def prices_of(lowered: Bundle, ways: Sequence[Way], pairs: CalibrationSet, expected: Pixels) -> list[Price]:
    """What the faces of `pairs` cost on every way to run `lowered`, against those expected."""
    return [_price(way, SET, expected, way.draw(lowered, pairs)) for way in ways]


def _price(way: Way, faces: str, expected: Pixels, found: Pixels) -> Price:
    psnrs = face_psnrs(expected, found)
    return Price(
        way.backend,
        way.precision,
        faces,
        psnr_db=pooled(psnrs),
        worst_psnr_db=min(psnrs),
        dissimilarity=dissimilarity(expected, found),
    )


def _proof_prices(source: Bundle, lowered: Bundle, ways: Sequence[Way], pairs: CalibrationSet) -> list[Price]:
    """The price on the proof's inputs, which played no part in choosing; against the source's graphs as well."""
    proof = read_arrays(source, source.manifest.proof)
    if not {"label_map", "appearance"} <= proof.keys():
        raise BundleError(
            f"{source.manifest.proof.path}: expected arrays 'label_map' and 'appearance', found {sorted(proof)}"
        )
    held_out = replace(pairs, label_maps=proof["label_map"], photos=proof["appearance"])
    expected = draw_with(source, choose_backend("openvino", "cpu"), held_out)
    return [_price(way, PROOF, expected, way.draw(lowered, held_out)) for way in ways]


def _plan(layers: Sequence[Layer], chosen: Sequence[Layer], high: str) -> tuple[LayerPrecision, ...]:
    return tuple(
        LayerPrecision(layer.graph, layer.name, "int8" if layer in chosen else high) for layer in layers
    )


def _with_record(lowered: Bundle, lowering: Lowering) -> Bundle:
    """The bundle with what `sfx verify` will hold its lowered graphs to."""
    proof = read_arrays(lowered, lowered.manifest.proof)
    changed = [entry for entry in lowered.manifest.graphs if entry.int8_layers]
    unchanged = {entry.name for entry in lowered.manifest.graphs if not entry.int8_layers}
    parity = [one for one in lowered.manifest.parity if one.graph in unchanged]
    measured: list[Measurement] = []
    for name in installed_backends("cpu"):
        for entry in changed:
            with without_cache():
                measured += replay(lowered, entry, choose_backend(name, "cpu"), proof, lambda *_: 0.0)
    manifest = replace(
        lowered.manifest,
        parity=(*parity, *_with_tolerances(measured)),
        accuracy=tuple(one for one in lowered.manifest.accuracy if one.graph in unchanged),
        lowering=lowering,
        tools={**lowered.manifest.tools, **tool_versions()},
    )
    return Bundle(lowered.path, manifest)


def _with_tolerances(measured: Sequence[Measurement]) -> list[Measurement]:
    """Each tensor's tolerance follows from the largest error that any backend showed here."""
    return [
        replace(
            one,
            tolerance=HEADROOM
            * max(
                other.error for other in measured if (other.graph, other.tensor) == (one.graph, one.tensor)
            ),
        )
        for one in measured
    ]
