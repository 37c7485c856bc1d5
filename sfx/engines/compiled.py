"""What a compiled engine was built for, and whether it still holds for this graph, library and GPU."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass

from sfx.engines.manifest import GraphEntry, Manifest, PlanEntry
from sfx.engines.tensorrt_library import RTX_DEFAULT_FROM, Library
from sfx.errors import EngineError, InputError


@dataclass(frozen=True)
class BuildOptions:
    """How to compile. `capabilities` are for TensorRT-RTX only: TensorRT builds for the GPU that is here."""

    capabilities: tuple[str, ...] = ()
    """Such as "7.5", "8.9"; empty for TensorRT-RTX's own choice, 8.0 and later."""
    max_batch: int = 8
    """The optimisation profile is batch 1 to this, tuned for 1: one face at a time is what drawing needs."""
    workspace_bytes: int = 8 << 30
    """Scratch memory that a kernel may ask for on the GPU. Built for one capability, the published synthesis asks for
    0.55 GB a face, 4.4 GB for a batch of 8, and for 1.2 GB with TensorRT-RTX's own choice of capabilities."""

    def __post_init__(self) -> None:
        for capability in self.capabilities:
            parse_capability(capability)


def parse_capability(text: str) -> tuple[int, int]:
    """ "8.9" -> (8, 9). Raises InputError for anything else."""
    major, _, minor = text.partition(".")
    if not (major.isdecimal() and minor.isdecimal()):
        raise InputError(f"compute capability: expected a number such as 8.9, found '{text}'")
    return int(major), int(minor)


def build_key(graph: GraphEntry, library: Library, version: str, options: BuildOptions) -> str:
    """The hash of everything that an engine depends on, in hex."""
    content = {"onnx": graph.file.sha256, "target": library.target, "version": version, **asdict(options)}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def stale_reason(
    plan: PlanEntry, graph: GraphEntry, version: str, capability: tuple[int, int] | None
) -> str | None:
    """Why `plan` cannot run under library `version` on a GPU of `capability`, or None where it can.

    capability: None where there is no GPU to hold it against.
    """
    if plan.onnx_sha256 != graph.file.sha256:
        return "built from another ONNX file"
    if plan.version != version:
        return f"built by {plan.target} {plan.version}, this is {version}"
    if capability is None:
        return None
    here = f"{capability[0]}.{capability[1]}"
    if plan.capabilities:
        return (
            None
            if here in plan.capabilities
            else f"built for SM {', '.join(plan.capabilities)}, this is SM {here}"
        )
    if capability < RTX_DEFAULT_FROM:
        return f"built for SM 8.0 and later, this is SM {here}; compile with --compute-capability {here}"
    return None


def usable_plan(
    manifest: Manifest, graph: GraphEntry, target: str, version: str, capability: tuple[int, int]
) -> PlanEntry:
    """The engine of `graph` for `target` that runs here. Raises EngineError saying why none does."""
    plan = manifest.plan(graph.name, target)
    if plan is None:
        raise EngineError(
            f"graph {graph.name}: expected an engine for {target}, found none; {_command(target)}"
        )
    reason = stale_reason(plan, graph, version, capability)
    if reason is not None:
        raise EngineError(f"{plan.file.path}: {reason}; {_command(target)}")
    return plan


def _command(target: str) -> str:
    return f"'sfx compile BUNDLE --target {target}' makes it"
