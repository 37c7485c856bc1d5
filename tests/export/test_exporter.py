"""Export: graphs that compute what the published form computes, written whole or not at all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from sfx.engines.backends import choose, installed_backends
from sfx.engines.bundle import Bundle
from sfx.engines.manifest import MANIFEST
from sfx.engines.manifest_reading import read_manifest
from sfx.errors import BundleError, ParityError
from sfx.export import exporter as exporter_module
from sfx.export import proof as proof_module
from sfx.export.checkpoint import Checkpoint
from sfx.export.exporter import export
from sfx.export.graphs import graphs
from sfx.export.proof import Published, to_bytes
from sfx.samples import sample_appearance, sample_label_map

BACKENDS = ("openvino", "onnxruntime")


@pytest.fixture(scope="module")
def published(checkpoint: Checkpoint) -> Published:
    """With every head evaluated, as the original does."""
    return Published(checkpoint.config, checkpoint.state, checkpoint.latent_avg, all_heads=True)


def run(bundle: Bundle, backend: str, graph: str, **feeds: np.ndarray) -> dict[str, np.ndarray]:
    engine = choose(backend, "cpu").load(bundle, graph)
    try:
        return engine(feeds)
    finally:
        engine.close()


def test_both_backends_are_tested() -> None:
    assert installed_backends("cpu") == BACKENDS


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("batch", [1, 3])
def test_sketch_encoder(backend: str, batch: int, bundle: Bundle, published: Published) -> None:
    label_map = np.stack([sample_label_map(seed, 64) for seed in range(batch)])
    codes, fine = published.sketch_codes(torch.from_numpy(label_map))
    found = run(bundle, backend, "sketch_encoder", label_map=label_map)
    assert found["sketch_codes"].shape == (batch, 10, 32)
    np.testing.assert_allclose(found["sketch_codes"], codes, atol=1e-4)
    np.testing.assert_allclose(found["fine_codes"], fine, atol=1e-4)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("batch", [1, 3])
def test_appearance_encoder(backend: str, batch: int, bundle: Bundle, published: Published) -> None:
    appearance = np.stack([sample_appearance(seed, 128) for seed in range(batch)])
    expected = published.appearance_codes(torch.from_numpy(appearance))
    found = run(bundle, backend, "appearance_encoder", appearance=appearance)["appearance_codes"]
    assert found.shape == (batch, 2, 32)
    np.testing.assert_allclose(found, expected, atol=1e-4)


@pytest.mark.parametrize("backend", BACKENDS)
def test_mapping(backend: str, bundle: Bundle, published: Published) -> None:
    z = np.random.default_rng(1).standard_normal((3, 32)).astype(np.float32)
    z[2] = 0
    expected = published.mapping(torch.from_numpy(z))
    np.testing.assert_allclose(run(bundle, backend, "mapping", z=z)["w"], expected, atol=1e-4)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("scale", [1.0, 1e-6, 0.0])
def test_synthesis(backend: str, scale: float, bundle: Bundle, published: Published) -> None:
    """Codes of zero too: a graph that lost the epsilon of the demodulation divides by zero there."""
    codes = np.random.default_rng(2).standard_normal((2, 10, 32)).astype(np.float32) * np.float32(scale)
    expected = to_bytes(published.image(torch.from_numpy(codes))).numpy()
    found = run(bundle, backend, "synthesis", codes=codes)["image"]
    assert found.dtype == np.uint8
    assert found.shape == (2, 64, 64, 3)
    assert np.abs(found.astype(int) - expected).max() <= 1
    assert np.mean(found != expected) < 0.01


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(("name", "side"), [("preview", 16), ("half_preview", 32)])
@pytest.mark.parametrize("batch", [1, 3])
def test_previews_are_the_skip_branch_at_a_quarter_and_a_half(
    backend: str, batch: int, name: str, side: int, bundle: Bundle, published: Published
) -> None:
    codes = np.random.default_rng(4).standard_normal((batch, 10, 32)).astype(np.float32)
    expected = to_bytes(published.pictures(torch.from_numpy(codes))[name]).numpy()
    engine = choose(backend, "cpu").load(bundle, "synthesis", output=name)
    found = engine({"codes": codes})
    engine.close()
    assert list(found) == list(engine.outputs) == [name]
    assert found[name].shape == (batch, side, side, 3)
    assert np.abs(found[name].astype(int) - expected).max() <= 1
    # Not the picture at another size: that is what --size gives.
    pooled = torch.nn.functional.avg_pool2d(published.image(torch.from_numpy(codes)), 64 // side)
    assert np.abs(expected.astype(int) - to_bytes(pooled).numpy()).max() > 10


def test_synthesis_stays_finite_where_every_style_is_zero(
    checkpoint: Checkpoint, only_graphs: Callable[..., None], tmp_path: Path
) -> None:
    """A checkpoint whose style biases are zero has a style of zero for codes of zero."""
    state = {
        name: torch.zeros_like(value) if name.endswith("modulation.bias") else value
        for name, value in checkpoint.state.items()
    }
    content = {
        "state_dict": state,
        "opts": {"geometry_layers": 8, "start_from_latent_avg": True},
        "latent_avg": checkpoint.latent_avg,
    }
    torch.save(content, tmp_path / "zero.pt")
    only_graphs("synthesis")
    bundle = export(tmp_path / "zero.pt", tmp_path / "engines")
    published = Published(checkpoint.config, state, checkpoint.latent_avg)
    codes = np.zeros((1, 10, 32), np.float32)
    expected = to_bytes(published.image(torch.from_numpy(codes))).numpy()
    for backend in BACKENDS:
        found = run(bundle, backend, "synthesis", codes=codes)["image"]
        assert np.abs(found.astype(int) - expected).max() <= 1


def test_manifest_tells_the_whole_story(bundle: Bundle, checkpoint: Checkpoint) -> None:
    manifest = read_manifest(bundle.path)
    assert manifest == bundle.manifest
    assert manifest.model == checkpoint.config
    assert [graph.name for graph in manifest.graphs] == [
        "sketch_encoder",
        "appearance_encoder",
        "mapping",
        "synthesis",
    ]
    links = {measurement.link for measurement in manifest.parity}
    assert links == {"published -> deployable", "deployable -> openvino", "deployable -> onnxruntime"}
    assert all(measurement.error <= measurement.tolerance for measurement in manifest.parity)
    pictures = {m.tensor: m.tolerance for m in manifest.parity if m.graph == "synthesis"}
    assert pictures == {"image_float": 1e-3, "preview_float": 1e-3, "half_preview_float": 1e-3}
    assert {m.tolerance for m in manifest.parity if m.graph != "synthesis"} == {1e-4}
    assert manifest.source["file"] == "small.pt"
    assert manifest.tools["torch"].startswith("2.13")
    assert manifest.labels[6] == "nose"


def test_bundle_holds_the_live_parameters_only(bundle: Bundle, checkpoint: Checkpoint) -> None:
    held = sum(graph.parameters for graph in bundle.manifest.graphs)
    published = sum(tensor.numel() for tensor in checkpoint.state.values())
    assert held < 0.7 * published
    # No value of a dead head is left in any file, nor of a head that another graph owns.
    dead = checkpoint.state["encoder_face_fine.styles.3.linear.weight"].numpy().tobytes()
    live = checkpoint.state["encoder_face_fine.styles.9.convs.0.weight"].numpy().tobytes()
    data = (bundle.path / "appearance_encoder.onnx").read_bytes()
    assert live in data
    assert dead not in data


def test_graphs_are_named_and_dynamic(bundle: Bundle) -> None:
    for graph in bundle.manifest.graphs:
        model = onnx.load(bundle.path / graph.file.path)
        assert [value.name for value in model.graph.input] == [spec.name for spec in graph.inputs]
        assert [value.name for value in model.graph.output] == [spec.name for spec in graph.outputs]
        for value in (*model.graph.input, *model.graph.output):
            assert value.type.tensor_type.shape.dim[0].dim_param == "batch"
        assert not model.functions
        weights = [node for node in model.graph.node if node.op_type in ("Conv", "ConvTranspose", "Gemm")]
        constants = {tensor.name for tensor in model.graph.initializer}
        assert weights
        assert all(node.input[1] in constants for node in weights), "a convolution's kernel is not constant"


@pytest.fixture
def only_graphs(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Let `export` write these graphs alone: tracing is most of its time, and a test may be of one of them."""

    def keep(*names: str) -> None:
        monkeypatch.setattr(
            exporter_module,
            "graphs",
            lambda config: tuple(graph for graph in graphs(config) if graph.name in names),
        )

    return keep


def change(checkpoint_path: Path, target: Path, edit: Callable[[dict[str, torch.Tensor]], None]) -> Path:
    content = torch.load(checkpoint_path, weights_only=True)
    edit(content["state_dict"])
    torch.save(content, target)
    return target


def test_nan_is_refused_with_the_graph_named(checkpoint_path: Path, tmp_path: Path) -> None:
    def spoil(state: dict[str, torch.Tensor]) -> None:
        state["encoder_face_fine.styles.8.linear.bias"][3] = float("nan")

    path = change(checkpoint_path, tmp_path / "nan.pt", spoil)
    with pytest.raises(
        ParityError, match="graph appearance_encoder, output appearance_codes: expected finite"
    ):
        export(path, tmp_path / "engines")
    assert not list(tmp_path.glob("*engines*"))


def test_flat_output_is_refused(
    checkpoint_path: Path, only_graphs: Callable[..., None], tmp_path: Path
) -> None:
    def flatten(state: dict[str, torch.Tensor]) -> None:
        for name in state:
            if "to_rgb" in name and name.endswith("conv.weight"):
                state[name].zero_()

    path = change(checkpoint_path, tmp_path / "flat.pt", flatten)
    only_graphs("mapping", "synthesis")
    with pytest.raises(ParityError, match=r"graph synthesis, output image.*: expected"):
        export(path, tmp_path / "engines")
    assert not list(tmp_path.glob("*engines*"))


def test_missed_tolerance_is_refused(
    checkpoint_path: Path,
    only_graphs: Callable[..., None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The deployable form is made wrong on purpose: the first link sees it and names it."""
    from sfx.export import operators

    only_graphs("mapping", "synthesis")
    monkeypatch.setattr(operators, "LEAKY_GAIN", 1.4)
    with pytest.raises(
        ParityError, match="graph synthesis, output image_float, published -> deployable: expected a"
    ):
        export(checkpoint_path, tmp_path / "engines")
    assert not list(tmp_path.glob("*engines*"))


def test_backend_error_is_refused_as_its_own_link(
    checkpoint_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sfx.engines.onnxruntime import OnnxRuntimeEngine

    call = OnnxRuntimeEngine.__call__

    def wrong(self: OnnxRuntimeEngine, feeds: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        return {name: value + np.float32(0.01) for name, value in call(self, feeds).items()}

    monkeypatch.setattr(OnnxRuntimeEngine, "__call__", wrong)
    with pytest.raises(
        ParityError, match="graph sketch_encoder, output sketch_codes, deployable -> onnxruntime"
    ):
        export(checkpoint_path, tmp_path / "engines")


def test_existing_bundle_is_replaced_only_by_force(
    bundle_copy: Path, checkpoint_path: Path, only_graphs: Callable[..., None]
) -> None:
    before = (bundle_copy / MANIFEST).read_bytes()
    with pytest.raises(BundleError, match="expected nothing there, found a bundle; --force replaces it"):
        export(checkpoint_path, bundle_copy)
    assert (bundle_copy / MANIFEST).read_bytes() == before
    only_graphs("mapping")
    export(checkpoint_path, bundle_copy, force=True)
    assert (bundle_copy / MANIFEST).read_bytes() != before
    assert [path.name for path in bundle_copy.parent.iterdir()] == [bundle_copy.name]


def test_failed_replacement_leaves_the_old_bundle(
    bundle_copy: Path, checkpoint_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = (bundle_copy / MANIFEST).read_bytes()
    monkeypatch.setattr(proof_module, "TOLERANCES", {"fp32": {"float32": -1.0}})
    with pytest.raises(ParityError):
        export(checkpoint_path, bundle_copy, force=True)
    assert (bundle_copy / MANIFEST).read_bytes() == before
    assert [path.name for path in bundle_copy.parent.iterdir()] == [bundle_copy.name]


@pytest.mark.parametrize("force", [False, True])
def test_a_folder_that_is_no_bundle_is_never_replaced(
    force: bool, checkpoint_path: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "thesis"
    folder.mkdir()
    (folder / "chapter.txt").write_text("years of work")
    with pytest.raises(BundleError, match="expected an empty directory or a bundle, found other files"):
        export(checkpoint_path, folder, force=force)
    with pytest.raises(BundleError, match="expected a directory to write the bundle to, found a file"):
        export(checkpoint_path, folder / "chapter.txt", force=force)
    assert (folder / "chapter.txt").read_text() == "years of work"


def test_evaluating_dead_heads_changes_nothing(published: Published) -> None:
    lean = replace(published, all_heads=False)
    label_map = torch.from_numpy(sample_label_map(0, 64))[None]
    photo = torch.from_numpy(sample_appearance(0, 128))[None]
    assert torch.equal(published.sketch_codes(label_map)[0], lean.sketch_codes(label_map)[0])
    assert torch.equal(published.appearance_codes(photo), lean.appearance_codes(photo))
