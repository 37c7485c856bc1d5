"""The published model at full size: 834.7 M parameters, against what the original's own code computes.

Skipped where the golden data are not beside the checkout. Needs 6 GB of disk and a few minutes.
"""

from __future__ import annotations

import importlib.util
import json
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
import torch.nn.functional as F

import sfx
from sfx.config import PUBLISHED
from sfx.engines.backends import choose
from sfx.engines.bundle import Bundle, sha256
from sfx.engines.cache import without_cache
from sfx.engines.compiled import BuildOptions
from sfx.engines.manifest import BundleFile
from sfx.engines.tensorrt_builder import build_plan
from sfx.engines.tensorrt_library import LIBRARIES
from sfx.export.checkpoint import read_checkpoint
from sfx.export.emulation import emulate
from sfx.export.exporter import export
from sfx.export.graphs import graphs
from sfx.export.half import half_form
from sfx.export.half_proof import half_share
from sfx.export.onnx_files import expose, write_onnx
from sfx.export.proof import Published
from sfx.runtime import codes as codes_of
from sfx.runtime.pictures import fit_appearance, shrink
from sfx.signal_to_noise import psnr
from tests.conftest import SHARED

GOLDEN = SHARED / "golden"
EXAMPLES = SHARED / "examples"

pytestmark = pytest.mark.skipif(
    not (GOLDEN / "example1_seed1.npz").is_file(), reason="the golden data are not beside this checkout"
)


@dataclass(frozen=True)
class Full:
    """The full-size checkpoint and the bundle exported from it."""

    checkpoint: Path
    bundle: Bundle


def weights_module() -> ModuleType:
    spec = importlib.util.spec_from_file_location("golden_weights", GOLDEN / "weights.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Full]:
    weights = weights_module()
    shapes = json.loads((GOLDEN / "state_dict_shapes.json").read_text())
    with ThreadPoolExecutor(2) as pool:
        values = pool.map(
            lambda item: torch.from_numpy(np.asarray(weights.tensor(item[0], tuple(item[1]), 1))),
            shapes.items(),
        )
        state = dict(zip(shapes, values, strict=True))
    folder = tmp_path_factory.mktemp("full")
    opts = {"output_size": 1024, "input_nc": 22, "label_nc": 22, "start_from_latent_avg": True}
    average = torch.from_numpy(weights.latent_avg(1))
    torch.save({"state_dict": state, "opts": opts, "latent_avg": average}, folder / "spse.pt")
    del state, values
    yield Full(folder / "spse.pt", export(folder / "spse.pt", folder / "engines"))
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def golden() -> dict[str, np.ndarray]:
    with np.load(GOLDEN / "example1_seed1.npz", allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


@pytest.fixture(scope="module")
def model(full: Full) -> Iterator[sfx.Pipeline]:
    with without_cache(), sfx.load(full.bundle.path) as pipeline:
        yield pipeline


def close(found: np.ndarray, expected: np.ndarray, tolerance: float) -> None:
    np.testing.assert_allclose(np.asarray(found).reshape(expected.shape), expected, atol=tolerance, rtol=0)


def test_reference_twin_is_the_original(full: Full, golden: dict[str, np.ndarray]) -> None:
    """The published form in this project against the original's own outputs: the ground of every other proof."""
    checkpoint = read_checkpoint(full.checkpoint)
    assert checkpoint.config == PUBLISHED
    published = Published(checkpoint.config, checkpoint.state, checkpoint.latent_avg)
    with torch.inference_mode():
        label_map = torch.from_numpy(golden["label_map"])[None]
        codes, fine = published.sketch_codes(label_map)
        close(fine.numpy(), golden["sketch_fine"][:, :8], 1e-4)
        close(codes.numpy()[:, :8], golden["codes"][:, :8], 1e-4)
        close(published.mapping(torch.from_numpy(golden["z"])).numpy(), golden["z_w"], 1e-4)
        image = published.image(torch.from_numpy(golden["codes"]))
        close(F.avg_pool2d(image, 4).numpy(), golden["image_256"], 1e-3)
        close(image[:, :, 384:640, 384:640].numpy(), golden["image_1024_crop"], 1e-3)


def test_bundle_holds_what_is_alive(full: Full) -> None:
    assert 365e6 < sum(graph.parameters for graph in full.bundle.manifest.graphs) < 380e6
    assert all(file.bytes < 2 << 30 for file in full.bundle.manifest.files())


def test_codes_from_the_published_example(model: sfx.Pipeline, golden: dict[str, np.ndarray]) -> None:
    label_map = sfx.read_label_map(EXAMPLES / "sketch_1.png")
    np.testing.assert_array_equal(label_map, golden["label_map"])
    sketch_codes = model.encode_sketch(label_map)
    appearance_codes = model.encode_appearance(sfx.read_picture(EXAMPLES / "appearance_1.png"))
    close(appearance_codes, golden["appearance_fine"][:, 8:], 1e-4)
    codes = model.combine(sketch_codes, appearance_codes)
    close(codes, golden["codes"], 1e-4)
    w = model.map(golden["z"])
    close(w, golden["z_w"], 1e-4)
    close(model.combine_random(sketch_codes, w), golden["random_codes"], 1e-4)
    close(codes_of.mix(codes, w, range(8, 18), 0.5), golden["mixed_codes"], 1e-4)


@pytest.mark.parametrize("backend", ["openvino", "onnxruntime"])
def test_images_before_rounding(backend: str, full: Full, golden: dict[str, np.ndarray]) -> None:
    (graph,) = (graph for graph in graphs(PUBLISHED) if graph.name == "synthesis")
    entry = full.bundle.manifest.graph("synthesis")
    path = full.bundle.path / "exposed.onnx"
    expose(full.bundle.path / entry.file.path, graph, path)
    exposed = replace(
        entry,
        file=BundleFile(path.name, path.stat().st_size, sha256(path)),
        outputs=(*graph.outputs, *graph.named),
    )
    draft = replace(full.bundle, manifest=replace(full.bundle.manifest, graphs=(exposed,)))
    with without_cache():
        engine = choose(backend, "cpu").load(draft, "synthesis")
    for kind, image_name in (
        ("codes", "image_256"),
        ("random_codes", "random_image_256"),
        ("mixed_codes", "mixed_image_256"),
    ):
        outputs = engine({"codes": golden[kind]})
        image = outputs["image_float"]
        close(image.reshape(1, 3, 256, 4, 256, 4).mean((3, 5)), golden[image_name], 1e-3)
        if kind == "codes":
            close(image[:, :, 384:640, 384:640], golden["image_1024_crop"], 1e-3)
            expected = ((golden["image_256"][0].transpose(1, 2, 0).clip(-1, 1) + 1) / 2 * 255).astype(
                np.uint8
            )
            assert np.abs(shrink(outputs["image"][0], 256).astype(int) - expected).max() <= 2
    engine.close()
    path.unlink()


@pytest.fixture(scope="module")
def half_files(full: Full, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The published model's graphs in FP16, without the proof that an export adds."""
    folder = tmp_path_factory.mktemp("half")
    model = half_form(read_checkpoint(full.checkpoint).build())
    for graph in graphs(PUBLISHED):
        write_onnx(graph, model, folder / f"{graph.name}.onnx")
    yield folder
    shutil.rmtree(folder)


def emulated(half_files: Path, name: str, feeds: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    (graph,) = (graph for graph in graphs(PUBLISHED) if graph.name == name)
    return emulate(graph, half_files / f"{name}.onnx", feeds).outputs


def test_fp16_is_near_the_original(half_files: Path, golden: dict[str, np.ndarray]) -> None:
    """Sketch and photo to image with every FP16 result rounded, against the original's own outputs."""
    label_map = sfx.read_label_map(EXAMPLES / "sketch_1.png")[None]
    photo = fit_appearance(sfx.read_picture(EXAMPLES / "appearance_1.png"), 512)[None]
    codes = emulated(half_files, "sketch_encoder", {"label_map": label_map})["sketch_codes"]
    codes[:, 8:] += emulated(half_files, "appearance_encoder", {"appearance": photo})["appearance_codes"]
    image = emulated(half_files, "synthesis", {"codes": codes})["image_float"]
    assert psnr(golden["image_1024_crop"], image[:, :, 384:640, 384:640], peak=2.0) > 65
    pooled = image.reshape(1, 3, 256, 4, 256, 4).mean((3, 5))
    assert psnr(golden["image_256"], pooled, peak=2.0) > 65


def test_fp16_files_are_small(half_files: Path, full: Full) -> None:
    size = sum(path.stat().st_size for path in half_files.iterdir())
    assert size + full.bundle.manifest.proof.bytes < 0.8e9
    assert half_share(half_files / "synthesis.onnx") > 0.99


@pytest.mark.parametrize("capabilities", [(), ("7.5",)])
@pytest.mark.parametrize("name", ["sketch_encoder", "appearance_encoder", "mapping", "synthesis"])
def test_full_size_compiles_for_rtx(
    name: str, capabilities: tuple[str, ...], half_files: Path, full: Full
) -> None:
    module = LIBRARIES["tensorrt-rtx"].load()
    entry = full.bundle.manifest.graph(name)
    onnx = half_files / f"{name}.onnx"
    plan, _ = build_plan(module, onnx, entry, BuildOptions(capabilities), b"", lambda _: None)
    assert len(plan) > 0.9 * onnx.stat().st_size
