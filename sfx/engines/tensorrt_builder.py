"""Building one plan with TensorRT or TensorRT-RTX. Both are strongly typed: precision is what the ONNX graph says.

Polygraphy (0.53.6, tried with TensorRT-RTX on a machine without a GPU) compares engines (`comparing`), but does not
build them. It does load the network and set up profile and config, in ten lines less; but it stays with the library
that it was first used with, where one `sfx compile` serves both; it logs through a logger of its own; and a node that
is refused ends in "Could not parse ONNX correctly", a layer that fails in "Invalid Engine", with the name of either in
that log only. It inspects a plan by loading it, which takes a GPU, and for TensorRT-RTX it then looks for `tensorrt`.
"""

from __future__ import annotations

import signal
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any, Self

from sfx.engines.compiled import BuildOptions
from sfx.engines.manifest import GraphEntry
from sfx.engines.tensorrt_library import Messages, logger_of
from sfx.errors import EngineError

Progress = Callable[[str], None]


def build_plan(
    module: Any, onnx: Path, graph: GraphEntry, options: BuildOptions, timings: bytes, progress: Progress
) -> tuple[bytes, bytes]:
    """Build the plan of the ONNX file; returns it and the timing cache (empty where the library keeps none).

    Raises EngineError naming the ONNX node that failed, KeyboardInterrupt after Ctrl-C, and what `progress` raises.
    """
    try:
        return _parse_and_build(module, onnx, graph, options, timings, progress)
    except BaseException as error:
        # A traceback keeps the variables of its functions, here TensorRT's objects, for as long as anyone holds the
        # error: the garbage collector would free them in the middle of another build, in a thread of TensorRT's.
        traceback.clear_frames(error.__traceback__)
        raise


def _parse_and_build(
    module: Any, onnx: Path, graph: GraphEntry, options: BuildOptions, timings: bytes, progress: Progress
) -> tuple[bytes, bytes]:
    logger, messages = logger_of(module)
    messages.take()  # what an earlier task left there
    builder = module.Builder(logger)
    network = builder.create_network(1 << int(module.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
    parser = module.OnnxParser(network, logger)
    if not parser.parse_from_file(str(onnx)):
        raise EngineError(f"{onnx}: {_parse_failure(parser)}")
    config = _config(module, builder, graph, options)
    built = _build(module, builder, network, config, timings, progress)
    if built is None:
        raise EngineError(
            f"{onnx}: {module.__name__} {module.__version__} cannot build it: {_failure(network, messages)}"
        )
    return built


def _config(module: Any, builder: Any, graph: GraphEntry, options: BuildOptions) -> Any:
    config = builder.create_builder_config()
    # FP32 stays FP32: TF32 has 10 bits of mantissa, and what is left in FP32 is there for its precision.
    config.clear_flag(module.BuilderFlag.TF32)
    config.set_memory_pool_limit(module.MemoryPoolType.WORKSPACE, options.workspace_bytes)
    config.add_optimization_profile(_profile(builder, graph, options.max_batch))
    _set_capabilities(module, config, options)
    return config


def _build(
    module: Any, builder: Any, network: Any, config: Any, timings: bytes, progress: Progress
) -> tuple[bytes, bytes] | None:
    """Plan and timing cache, or None where the library fails. Raises what `progress` raised, and KeyboardInterrupt."""
    cache = None
    if module.__name__ == "tensorrt":
        cache = config.create_timing_cache(timings)
        config.set_timing_cache(cache, False)
    with _Interruptible() as interruptible:
        config.progress_monitor = make_monitor(module, interruptible, progress)
        plan = builder.build_serialized_network(network, config)
    if interruptible.failure is not None:
        raise interruptible.failure
    if interruptible.asked:
        raise KeyboardInterrupt
    if plan is None:
        return None
    return bytes(plan), bytes(cache.serialize()) if cache is not None else b""


def _profile(builder: Any, graph: GraphEntry, max_batch: int) -> Any:
    profile = builder.create_optimization_profile()
    for spec in graph.inputs:
        one, most = (1, *spec.shape[1:]), (max_batch, *spec.shape[1:])
        profile.set_shape(spec.name, one, one, most)
    return profile


def _set_capabilities(module: Any, config: Any, options: BuildOptions) -> None:
    if module.__name__ != "tensorrt_rtx" or not options.capabilities:
        return
    known = module.ComputeCapability.__members__
    config.num_compute_capabilities = len(options.capabilities)
    for index, capability in enumerate(options.capabilities):
        name = "SM" + capability.replace(".", "")
        if name not in known:
            supported = ", ".join(f"{key[2:-1]}.{key[-1]}" for key in known if key.startswith("SM"))
            raise EngineError(
                f"compute capability {capability}: expected one that {module.__name__} {module.__version__} builds "
                f"for ({supported}); an H100 (9.0) needs --target tensorrt"
            )
        config.set_compute_capability(known[name], index)


def _parse_failure(parser: Any) -> str:
    if parser.num_errors == 0:
        return "the parser refuses it and gives no reason"
    error = parser.get_error(0)
    where = f" at node {error.node_name()} ({error.node_operator()})" if error.node_name() else ""
    return f"the parser fails{where}: {' '.join(error.desc().split())}"


def _failure(network: Any, messages: Messages) -> str:
    """The last error, and the ONNX node of the layer that it names. (A layer's metadata holds its ONNX node.)"""
    message = messages.take()
    if "OutOfMemory" in message or "workspace" in message:
        message += "; raise --workspace, or lower --max-batch"
    layers = [network.get_layer(index) for index in range(network.num_layers)]
    quoted = [layer for layer in layers if layer.name and f"'{layer.name}'" in message]
    if not quoted:
        return message
    return f"layer {quoted[0].name} ({quoted[0].type.name}, {quoted[0].metadata or 'of no ONNX node'}): {message}"


class _Interruptible:
    """Holds back what would end a build, which cannot be left by an exception: Ctrl-C, and errors while telling."""

    def __init__(self) -> None:
        self.asked = False
        self.failure: BaseException | None = None
        self._before: Any = None

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGINT, self._ask)
        return self

    def __exit__(self, *_: object) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)

    def _ask(self, _signal: int, _frame: FrameType | None) -> None:
        self.asked = True


def make_monitor(module: Any, interruptible: _Interruptible, progress: Progress) -> Any:
    """An `IProgressMonitor` of `module` that tells the outermost phase's steps and stops the build on Ctrl-C."""

    class Monitor(module.IProgressMonitor):  # type: ignore[misc]
        """Called by TensorRT, from any of its threads."""

        def __init__(self) -> None:
            module.IProgressMonitor.__init__(self)
            self.steps: dict[str, int] = {}
            self.outer: set[str] = set()

        def phase_start(self, phase_name: str, parent_phase: str | None, num_steps: int) -> None:
            self.steps[phase_name] = num_steps
            if parent_phase is None:
                self.outer.add(phase_name)

        def phase_finish(self, phase_name: str) -> None:
            self.outer.discard(phase_name)

        def step_complete(self, phase_name: str, step: int) -> bool:
            if phase_name in self.outer:
                try:
                    progress(f"{phase_name.lower()}, step {step + 1} of {self.steps[phase_name]}")
                except BaseException as error:  # the bindings would print it and go on building
                    interruptible.failure = error
            return not interruptible.asked and interruptible.failure is None

    return Monitor()
