"""Reading `manifest.json` with every key checked.

Unknown schema, missing key, wrong type, a size out of bounds or a path outside the bundle is an error that says which.
"""

from __future__ import annotations

import json
from pathlib import Path, PurePosixPath

from sfx.config import EncoderConfig, ModelConfig
from sfx.engines.json_keys import Keys
from sfx.engines.lowering import read_lowering
from sfx.engines.manifest import (
    MANIFEST,
    SCHEMA,
    Accuracy,
    BundleFile,
    GraphEntry,
    Manifest,
    Measurement,
    PlanEntry,
    TensorSpec,
)
from sfx.errors import BundleError

MAX_MANIFEST_BYTES = 4 << 20
MAX_SIDE = 8192
"""Bound on the sizes in a manifest, so that a damaged one cannot ask for absurd arrays."""


def read_manifest(bundle: Path) -> Manifest:
    """Read and check `bundle/manifest.json`; raises BundleError saying what is wrong with which key."""
    path = bundle / MANIFEST
    if not bundle.is_dir():
        raise BundleError(
            f"{bundle}: expected a bundle directory, found {'a file' if bundle.exists() else 'nothing'}"
        )
    if not path.is_file():
        raise BundleError(
            f"{bundle}: expected a bundle with a {MANIFEST}, found none; 'sfx export' makes one"
        )
    if path.stat().st_size > MAX_MANIFEST_BYTES:
        raise BundleError(f"{path}: expected at most {MAX_MANIFEST_BYTES} bytes, found {path.stat().st_size}")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise BundleError(f"{path}: expected JSON, found damage: {error}") from error
    if not isinstance(content, dict) or content.get("schema") != SCHEMA:
        found = content.get("schema") if isinstance(content, dict) else type(content).__name__
        raise BundleError(
            f"{path}: expected manifest schema {SCHEMA}, found {found!r}; export the bundle again"
        )
    try:
        return _manifest(Keys(content, ""))
    except BundleError as error:
        raise BundleError(f"{path}: {error}") from error


def _manifest(keys: Keys) -> Manifest:
    return Manifest(
        model=None if keys.is_null("model") else _model(keys.child("model")),
        graphs=tuple(_graph(entry) for entry in keys.children("graphs")),
        proof=_file(keys.child("proof")),
        parity=tuple(
            Measurement(
                entry.get("graph", str),
                entry.get("tensor", str),
                entry.get("link", str),
                entry.get("error", float),
                entry.get("tolerance", float),
            )
            for entry in keys.children("parity")
        ),
        labels=tuple(str(label) for label in keys.get("labels", list)),
        source=keys.get("source", dict),
        tools=keys.get("tools", dict),
        created=keys.get("created", str),
        statistics=_file(keys.child("statistics")) if keys.has("statistics") else None,
        truncation=keys.get("truncation", float) if keys.has("truncation") else None,
        accuracy=tuple(_accuracy(entry) for entry in keys.optional("accuracy")),
        plans=tuple(_plan(entry) for entry in keys.optional("plans")),
        lowering=read_lowering(keys.child("lowering")) if keys.has("lowering") else None,
    )


def _plan(keys: Keys) -> PlanEntry:
    return PlanEntry(
        keys.get("graph", str),
        keys.get("target", str),
        _file(keys.child("file")),
        keys.get("onnx_sha256", str),
        keys.get("version", str),
        tuple(str(capability) for capability in keys.get("capabilities", list)),
        keys.get("max_batch", int),
        keys.get("key", str),
    )


def _accuracy(keys: Keys) -> Accuracy:
    return Accuracy(
        keys.get("graph", str),
        keys.get("tensor", str),
        keys.get("psnr_db", float),
        keys.get("worst_layer", str),
        keys.get("worst_layer_db", float),
        keys.get("share", float),
    )


def _model(keys: Keys) -> ModelConfig:
    first, second = keys.numbers("head_taps", 2)
    config = ModelConfig(
        output_size=keys.get("output_size", int),
        style_width=keys.get("style_width", int),
        mapping_layers=keys.get("mapping_layers", int),
        channels=keys.numbers("channels"),
        geometry_layers=keys.get("geometry_layers", int),
        encoder_size=keys.get("encoder_size", int),
        appearance_size=keys.get("appearance_size", int),
        head_taps=(first, second),
        start_from_latent_avg=keys.get("start_from_latent_avg", bool),
        sketch_coarse=_encoder(keys.child("sketch_coarse")),
        sketch_fine=_encoder(keys.child("sketch_fine")),
        face_fine=_encoder(keys.child("face_fine")),
    )
    for key in ("output_size", "style_width", "encoder_size", "appearance_size", "geometry_layers"):
        value = getattr(config, key)
        if not 0 < value <= MAX_SIDE:
            raise BundleError(f"key 'model.{key}': expected 1 to {MAX_SIDE}, found {value}")
    return config


def _encoder(keys: Keys) -> EncoderConfig:
    w1, w2, w3, w4 = keys.numbers("widths", 4)
    u1, u2, u3, u4 = keys.numbers("units", 4)
    return EncoderConfig(
        in_channels=keys.get("in_channels", int),
        stem_width=keys.get("stem_width", int),
        widths=(w1, w2, w3, w4),
        units=(u1, u2, u3, u4),
        squeeze=keys.get("squeeze", int),
        head_width=keys.get("head_width", int),
        heads=keys.numbers("heads"),
    )


def _graph(keys: Keys) -> GraphEntry:
    return GraphEntry(
        name=keys.get("name", str),
        file=_file(keys.child("file")),
        inputs=tuple(_tensor(entry) for entry in keys.children("inputs")),
        outputs=tuple(_tensor(entry) for entry in keys.children("outputs")),
        precision=keys.get("precision", str),
        opset=keys.get("opset", int),
        parameters=keys.get("parameters", int),
        weights=_weights(keys),
        int8_layers=keys.get("int8_layers", int) if keys.has("int8_layers") else 0,
    )


def _weights(keys: Keys) -> str:
    stored = keys.get("weights", str) if keys.has("weights") else "fp32"
    if stored not in ("fp32", "fp16"):
        raise BundleError(f"key '{keys.where}.weights': expected fp32 or fp16, found '{stored}'")
    return stored


def _tensor(keys: Keys) -> TensorSpec:
    shape = keys.numbers("shape")
    limits = keys.content.get("range")
    if limits is not None and (not isinstance(limits, list) or len(limits) != 2):
        raise BundleError(f"key '{keys.where}.range': expected two numbers or null, found {limits}")
    return TensorSpec(
        keys.get("name", str),
        keys.get("dtype", str),
        tuple(shape),
        (limits[0], limits[1]) if limits else None,
    )


def _file(keys: Keys) -> BundleFile:
    path = keys.get("path", str)
    parts = PurePosixPath(path).parts
    # A colon or backslash means a drive or a separator on Windows.
    if not parts or path.startswith("/") or ".." in parts or "\\" in path or ":" in path:
        raise BundleError(f"key '{keys.where}.path': expected a path inside the bundle, found '{path}'")
    return BundleFile(path, keys.get("bytes", int), keys.get("sha256", str))
