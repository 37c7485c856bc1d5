"""What sfx is measured against, on the same machine in the same rounds.

- eager original: the original's form in eager PyTorch, dead style heads included, with the model's shapes and
  random weights: a bundle no longer holds the dead ones, and the time of a dense network does not depend on
  its values;
- torch.compile: the same through PyTorch's compiler, where there is a C++ compiler for it;
- ONNX Runtime and plain OpenVINO: the bundle's own graphs as those tools run them when left alone.

The eager original stands alone where not every peer is asked for: at full size torch.compile compiles for minutes,
and all of them together took more than 24 GB of memory.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from sfx.benchmarks.bench import STAGES, Runner, StageTimes, Stopwatch
from sfx.config import ModelConfig
from sfx.engines.backends import choose, installed_backends
from sfx.engines.bundle import Bundle
from sfx.errors import MissingPackageError
from sfx.runtime.codes import add_appearance
from sfx.runtime.pipeline import Pipeline
from sfx.samples import sample_pairs

if TYPE_CHECKING:
    from sfx.export.proof import Published

EAGER = "eager original"
COMPILED = "torch.compile of the original"
ONNX_RUNTIME = "ONNX Runtime"
PLAIN_OPENVINO = "plain OpenVINO"


def peer_runners(pipeline: Pipeline, batch: int, *, every: bool = False) -> tuple[list[Runner], list[str]]:
    """The eager original at one batch size, or every peer; and a line for each that cannot run here.

    Raises MissingPackageError without torch.
    """
    runners, left_out = _original_runners(pipeline.config, batch, every)
    if not every:
        return runners, left_out
    runners.append(
        _graph_runner(PLAIN_OPENVINO, "openvino", batch, pipeline, _plain_openvino(pipeline.bundle))
    )
    if "onnxruntime" in installed_backends():
        choice = choose("onnxruntime", "cpu")
        engines = {graph: choice.load(pipeline.bundle, graph) for graph in STAGES}
        call = lambda graph, feeds: engines[graph](feeds)  # noqa: E731
        runners.append(_graph_runner(ONNX_RUNTIME, "onnxruntime", batch, pipeline, call))
    else:
        left_out.append(f"{ONNX_RUNTIME}: not installed")
    return runners, left_out


GraphCall = Callable[[str, dict[str, Any]], Any]


def _original_runners(config: ModelConfig, batch: int, with_compiled: bool) -> tuple[list[Runner], list[str]]:
    try:
        import torch
    except ModuleNotFoundError as error:
        raise MissingPackageError(
            f"peers: expected the package {error.name}, found none; install it with: pip install 'sfx[export]'"
        ) from error

    published = original_form(config)
    forms = (published.sketch_codes, published.appearance_codes, published.image)
    eager = original_runner(EAGER, config, batch, *forms)
    if not with_compiled:
        return [eager], []
    if shutil.which("g++") is None:
        return [eager], [f"{COMPILED}: no C++ compiler here"]
    compiled = original_runner(COMPILED, config, batch, *(torch.compile(form) for form in forms))
    try:
        compiled.run()
    except Exception as error:  # whatever a compiler may raise; a peer that fails is named, not hidden
        return [eager], [f"{COMPILED}: it failed: {str(error).strip().splitlines()[0]}"]
    return [eager, compiled], []


def original_form(config: ModelConfig) -> Published:
    """The original's form, dead style heads included, with random weights. Needs torch."""
    import torch

    from sfx.export.networks import Spse
    from sfx.export.proof import Published

    torch.manual_seed(0)
    model = Spse(config.with_all_heads())
    return Published(config, model.state_dict(), model.latent_avg, all_heads=True)


def original_runner(
    name: str, config: ModelConfig, batch: int, sketch_codes: Any, appearance_codes: Any, image: Any
) -> Runner:
    """Faces by the three parts of the original's form, from sample sketches and photos. Needs torch."""
    import torch

    from sfx.export.proof import to_bytes

    samples = sample_pairs(batch, config.encoder_size, config.appearance_size)
    label_map, appearance = (torch.from_numpy(array) for array in samples)

    def run() -> StageTimes:
        watch = Stopwatch()
        with torch.inference_mode():
            style = watch.stage("appearance_encoder", lambda: appearance_codes(appearance))
            codes, _ = watch.stage("sketch_encoder", lambda: sketch_codes(label_map))
            codes = codes.clone()
            codes[:, config.geometry_layers :] += style
            watch.stage("synthesis", lambda: to_bytes(image(codes)).numpy())
        return watch.times

    return Runner(name, batch, "torch", "cpu", "fp32", run)


def _plain_openvino(bundle: Bundle) -> GraphCall:
    """The ONNX files as OpenVINO runs them: dynamic batch, its own forms; only the precision is set."""
    import openvino

    core = openvino.Core()
    config = {"INFERENCE_PRECISION_HINT": "f32"}
    requests = {
        graph: core.compile_model(
            str(bundle.checked(bundle.manifest.graph(graph).file)), "CPU", config
        ).create_infer_request()
        for graph in STAGES
    }

    def call(graph: str, feeds: dict[str, Any]) -> Any:
        results = requests[graph].infer(feeds, share_inputs=True)
        return {spec.name: np.array(results[spec.name]) for spec in bundle.manifest.graph(graph).outputs}

    return call


def _graph_runner(name: str, backend: str, batch: int, pipeline: Pipeline, call: GraphCall) -> Runner:
    config = pipeline.config
    label_map, appearance = sample_pairs(batch, config.encoder_size, config.appearance_size)

    def run() -> StageTimes:
        watch = Stopwatch()
        style = watch.stage(
            "appearance_encoder", lambda: call("appearance_encoder", {"appearance": appearance})
        )
        sketch = watch.stage("sketch_encoder", lambda: call("sketch_encoder", {"label_map": label_map}))
        codes = add_appearance(sketch["sketch_codes"], style["appearance_codes"], config.geometry_layers)
        watch.stage("synthesis", lambda: call("synthesis", {"codes": codes}))
        return watch.times

    return Runner(name, batch, backend, "cpu", "fp32", run)
