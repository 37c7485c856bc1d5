"""From a checkpoint to a verified bundle: `export` is what `sfx export` runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sfx.engines.backends import Choice, choose, installed_backends
from sfx.engines.bundle import Bundle, sha256
from sfx.engines.bundle_writing import bundle_file, check_target, tool_versions, whole_or_absent
from sfx.engines.cache import without_cache
from sfx.engines.manifest import MANIFEST, Accuracy, BundleFile, GraphEntry, Manifest, Measurement
from sfx.engines.recorded import check_tolerance, replay, write_arrays
from sfx.export.checkpoint import Checkpoint, read_checkpoint
from sfx.export.graphs import PICTURE_FLOATS, graphs
from sfx.export.half import half_form
from sfx.export.half_proof import HalfProof
from sfx.export.half_weights import store_half
from sfx.export.onnx_files import write_onnx
from sfx.export.proof import Arrays, proof_arrays, prove_deployable, prove_engine
from sfx.labels import CLASSES

Progress = Callable[[str], None]
"""Told what is being done, one short phrase a step."""

PROOF = "proof.npz"
STATISTICS = "statistics.npz"


def export(
    checkpoint_path: Path,
    out: Path,
    *,
    precision: str = "fp32",
    weights: str = "fp32",
    force: bool = False,
    progress: Progress = lambda _: None,
) -> Bundle:
    """Export the checkpoint to a bundle at `out`, which is whole or absent.

    precision: "fp32", or "fp16" for graphs whose convolutions compute in half precision on a GPU.
    weights: how large constants are stored, "fp32" or "fp16"; computing stays as it is.
    Raises CheckpointError for a file that is no SPSE checkpoint, ParityError where a graph misses its
    tolerance, is flat or holds NaN, BundleError where `out` is in the way.
    """
    check_target(out, force=force)
    progress("reading the checkpoint")
    checkpoint = read_checkpoint(checkpoint_path)
    with whole_or_absent(out) as making:
        manifest = _write(checkpoint, making, precision, weights, progress)
        (making / MANIFEST).write_text(manifest.to_json(), encoding="utf-8")
    return Bundle.open(out)


def _write(
    checkpoint: Checkpoint, making: Path, precision: str, weights: str, progress: Progress
) -> Manifest:
    progress("running the published form")
    proof = proof_arrays(checkpoint)
    write_arrays(making / PROOF, {name: array for name, array in proof.items() if name not in PICTURE_FLOATS})
    model = checkpoint.build()
    form = half_form(model) if precision == "fp16" else model
    half_proof = HalfProof(model, proof) if precision == "fp16" else None
    manifest = Manifest(
        model=checkpoint.config,
        graphs=(),
        proof=bundle_file(making / PROOF),
        parity=(),
        labels=tuple(entry.name for entry in CLASSES),
        source=_source(checkpoint),
        tools=tool_versions(),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        statistics=_write_statistics(checkpoint, making),
        truncation=checkpoint.truncation,
    )
    choices = [choose(name, "cpu") for name in installed_backends("cpu")]
    entries: list[GraphEntry] = []
    parity: list[Measurement] = []
    accuracy: list[Accuracy] = []
    for graph in graphs(checkpoint.config):
        progress(f"{graph.name}: deployable form")
        deployable, measured = prove_deployable(graph, model, proof)
        parity += measured
        progress(f"{graph.name}: writing ONNX")
        written = write_onnx(graph, form, making / f"{graph.name}.onnx")
        file = bundle_file(written.path)
        entry = GraphEntry(
            graph.name, file, graph.inputs, graph.outputs, precision, written.opset, written.parameters
        )
        if half_proof is not None:
            progress(f"{graph.name}: emulating FP16")
            accuracy += half_proof.measure(graph, written.path, deployable)
        draft = Bundle(making, manifest)
        for choice in choices:
            progress(f"{graph.name}: checking on {choice.backend}")
            with without_cache():
                parity += prove_engine(graph, draft, entry, choice, deployable, proof)
        if weights == "fp16":
            progress(f"{graph.name}: storing weights as FP16")
            entry, measured = _with_half_weights(draft, entry, choices, proof)
            parity += measured
        entries.append(entry)
    return replace(manifest, graphs=tuple(entries), parity=tuple(parity), accuracy=tuple(accuracy))


def _with_half_weights(
    draft: Bundle, entry: GraphEntry, choices: list[Choice], proof: Arrays
) -> tuple[GraphEntry, list[Measurement]]:
    """Halve the file of a graph that was proven with full weights; what that costs is measured as a link of its own."""
    path = draft.path / entry.file.path
    store_half(path)
    entry = replace(entry, file=bundle_file(path), weights="fp16")
    draft = replace(draft, manifest=replace(draft.manifest, graphs=(entry,)))
    measured: list[Measurement] = []
    for choice in choices:
        with without_cache():
            measured += [check_tolerance(found) for found in replay(draft, entry, choice, proof)]
    return entry, measured


def _write_statistics(checkpoint: Checkpoint, making: Path) -> BundleFile | None:
    if checkpoint.statistics is None:
        return None
    write_arrays(making / STATISTICS, {name: value.numpy() for name, value in checkpoint.statistics.items()})
    return bundle_file(making / STATISTICS)


def _source(checkpoint: Checkpoint) -> dict[str, Any]:
    path = checkpoint.path
    made = {"made": dict(checkpoint.provenance)} if checkpoint.provenance else {}
    return {"file": path.name, "bytes": path.stat().st_size, "sha256": sha256(path), **made}
