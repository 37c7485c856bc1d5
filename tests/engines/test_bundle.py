"""Bundles on disk, and verifying them: damage is refused, with the file named."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from sfx.engines.backends import choose
from sfx.engines.bundle import Bundle
from sfx.engines.cache import without_cache
from sfx.engines.verify import verify_bundle
from sfx.errors import BundleError, InputError, ParityError


def test_a_whole_bundle_verifies_on_every_backend(bundle: Bundle) -> None:
    lines = list(verify_bundle(bundle.path))
    assert sum("checksum right" in line for line in lines) == 5
    for backend in ("openvino", "onnxruntime"):
        assert sum(f"-> {backend} fp32" in line for line in lines) == 7  # one for each output


def test_verify_takes_one_backend_and_refuses_an_unknown_one(bundle: Bundle) -> None:
    assert not any("openvino" in line for line in verify_bundle(bundle.path, ["onnxruntime"]))
    with pytest.raises(
        InputError,
        match="backend: expected one of openvino, onnxruntime, tensorrt, tensorrt-rtx, found 'tpu'",
    ):
        list(verify_bundle(bundle.path, ["tpu"]))


def test_truncated_file_is_refused_at_opening(bundle_copy: Path) -> None:
    path = bundle_copy / "synthesis.onnx"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(BundleError, match=r"synthesis\.onnx: expected \d+ bytes, found \d+; the file is cut"):
        Bundle.open(bundle_copy)


def test_missing_file_is_refused_at_opening(bundle_copy: Path) -> None:
    (bundle_copy / "mapping.onnx").unlink()
    with pytest.raises(BundleError, match=r"mapping\.onnx: expected a file of \d+ bytes, found none"):
        Bundle.open(bundle_copy)


@pytest.mark.parametrize("backend", ["openvino", "onnxruntime"])
def test_changed_byte_is_refused_when_the_file_is_read(backend: str, bundle_copy: Path) -> None:
    path = bundle_copy / "mapping.onnx"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    bundle = Bundle.open(bundle_copy)
    with pytest.raises(BundleError, match=r"mapping\.onnx: expected SHA-256"), without_cache():
        choose(backend, "cpu").load(bundle, "mapping")
    with pytest.raises(BundleError, match=r"mapping\.onnx: expected SHA-256"):
        list(verify_bundle(bundle_copy))


def test_link_out_of_the_bundle_is_refused(bundle_copy: Path, tmp_path: Path) -> None:
    path = bundle_copy / "mapping.onnx"
    outside = Path(shutil.move(path, tmp_path / "outside.onnx"))
    path.symlink_to(outside)
    with pytest.raises(BundleError, match="expected a file inside the bundle, found a link to"):
        Bundle.open(bundle_copy)


def test_verify_catches_a_graph_that_computes_something_else(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sfx.engines import verify

    proof = verify.read_arrays(bundle, bundle.manifest.proof)
    proof["w"] = proof["w"] + np.float32(0.01)
    monkeypatch.setattr(verify, "read_arrays", lambda *_: proof)
    with pytest.raises(
        ParityError, match="graph mapping, output w, published -> openvino fp32: expected a difference"
    ):
        list(verify_bundle(bundle.path))
