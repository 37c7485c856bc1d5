"""From a training run to the bundle that ships with the package: one graph, `interpreter`, with its proof."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from sfx.engines.backends import choose, installed_backends
from sfx.engines.bundle import Bundle
from sfx.engines.bundle_writing import bundle_file, check_target, tool_versions, whole_or_absent
from sfx.engines.cache import without_cache
from sfx.engines.engine import Array
from sfx.engines.manifest import MANIFEST, GraphEntry, Manifest, Measurement, TensorSpec
from sfx.engines.recorded import write_arrays
from sfx.export.demo.run_state import stored_run
from sfx.export.exporter import PROOF
from sfx.export.graphs import Graph
from sfx.export.interpreter.drawing import SIDE
from sfx.export.interpreter.network import InterpreterNet, folded, untrained
from sfx.export.interpreter.train import STORED
from sfx.export.onnx_files import write_onnx
from sfx.export.proof import prove_engine
from sfx.labels import CLASSES as LABEL_CLASSES
from sfx.labels import MAX_LABEL
from sfx.runtime.interpreter.evidence import SCORE_STEP
from sfx.runtime.interpreter.interpreting import GRAPH
from sfx.samples import sample_label_map

LOGITS = "logits"
"""The tensor inside the graph that parity is measured on: float32 (B, 22, 256, 256)."""


class InterpreterGraph(nn.Module):
    """ink uint8 (B, 256, 256), 1 on ink -> scores uint8 (B, 22, 256, 256), and `logits` for the proof.

    A level of the scores is SCORE_STEP nats below the pixel's best class, which has 255; 0 where no ink is.
    """

    def __init__(self, network: InterpreterNet) -> None:
        super().__init__()
        self.network = network

    def forward(self, ink: Tensor) -> tuple[Tensor, Tensor]:
        # TensorRT takes uint8 inputs only where a Cast comes first.
        mask = ink.to(torch.float32).unsqueeze(1)
        logits = self.network(mask)[:, 1:]
        levels = 255.5 + (logits - logits.amax(1, keepdim=True)) * (1.0 / SCORE_STEP)
        return (levels.clamp(min=0.0) * mask).to(torch.uint8), logits


def interpreter_graph() -> Graph:
    """The graph's description; its module is made from an `InterpreterNet`."""
    return Graph(
        GRAPH,
        (TensorSpec("ink", "uint8", (-1, SIDE, SIDE), (0, 1)),),
        (TensorSpec("scores", "uint8", (-1, MAX_LABEL, SIDE, SIDE), (0, 255)),),
        InterpreterGraph,
        (TensorSpec(LOGITS, "float32", (-1, MAX_LABEL, SIDE, SIDE)),),
    )


@dataclass(frozen=True)
class Trained:
    """A run's averaged network, ready to deploy, and where it comes from."""

    network: InterpreterNet
    source: dict[str, float | int | str]


def read_run(run: Path) -> Trained:
    """Read a run's averaged weights. Raises as `stored_run`."""
    state = stored_run(run, STORED)
    begun_from = state.get("begun_from", "")  # not in runs from before there was a way to
    network = untrained(begun_from)
    network.load_state_dict(state["averaged"])
    source = {
        "trained on": "portraits drawn by sfx.calibration.portraits",
        "steps": state["step"],
        "minutes": round(state["seconds"] / 60, 1),
        "seed": state["seed"],
        **({"begun_from": begun_from} if begun_from else {}),
    }
    return Trained(deployable(network), source)


@torch.no_grad()
def deployable(network: InterpreterNet) -> InterpreterNet:
    """The network in evaluation form: BatchNorm folded into the convolutions, weights rounded to FP16's values.

    Rounded values compress to half their size in a wheel, where FP16 storage would need a cast for every
    weight in the graph.
    """
    folded(network)
    for parameter in network.parameters():
        parameter.copy_(parameter.half().float())
    return network


def finish(trained: Trained, out: Path, *, force: bool = False) -> Bundle:
    """Write the bundle at `out`, whole or absent, once every CPU backend computes what the network computes.

    Raises ParityError where one does not, BundleError where `out` is in the way.
    """
    check_target(out, force=force)
    graph = interpreter_graph()
    ink = np.stack([sample_label_map(seed, SIDE) > 0 for seed in (0, 1)]).astype(np.uint8)
    with torch.inference_mode():
        scores, logits = graph.module(trained.network)(torch.from_numpy(ink))
    proof: dict[str, Array] = {"ink": ink, "scores": scores.numpy(), LOGITS: logits.numpy()}
    with whole_or_absent(out) as making:
        write_arrays(making / PROOF, {name: proof[name] for name in ("ink", "scores")})
        written = write_onnx(graph, trained.network, making / f"{GRAPH}.onnx")
        entry = GraphEntry(
            GRAPH,
            bundle_file(written.path),
            graph.inputs,
            graph.outputs,
            "fp32",
            written.opset,
            written.parameters,
        )
        manifest = Manifest(
            model=None,
            graphs=(entry,),
            proof=bundle_file(making / PROOF),
            parity=(),
            labels=tuple(label.name for label in LABEL_CLASSES),
            source=trained.source,
            tools=tool_versions(),
            created=datetime.now(UTC).isoformat(timespec="seconds"),
        )
        parity: list[Measurement] = []
        for name in installed_backends("cpu"):
            with without_cache():
                parity += prove_engine(
                    graph, Bundle(making, manifest), entry, choose(name, "cpu"), proof, proof
                )
        (making / MANIFEST).write_text(replace(manifest, parity=tuple(parity)).to_json(), encoding="utf-8")
    return Bundle.open(out)
