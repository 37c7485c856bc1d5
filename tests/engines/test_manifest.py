"""The manifest: everything foreign or damaged is refused, and the refusal names the key."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sfx.engines.bundle import Bundle
from sfx.engines.manifest import MANIFEST, Manifest
from sfx.engines.manifest_reading import read_manifest
from sfx.errors import BundleError


def edit(bundle: Path, change: Callable[[dict[str, Any]], Any]) -> Path:
    path = bundle / MANIFEST
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))
    return bundle


def test_round_trip(bundle: Bundle, tmp_path: Path) -> None:
    (tmp_path / MANIFEST).write_text(bundle.manifest.to_json())
    assert read_manifest(tmp_path) == bundle.manifest
    assert isinstance(bundle.manifest, Manifest)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda m: m.update(schema=2), "expected manifest schema 1, found 2"),
        (lambda m: m.pop("schema"), "expected manifest schema 1, found None"),
        (lambda m: m.pop("graphs"), "key 'graphs': expected a value of type list, found none"),
        (
            lambda m: m["graphs"][1].pop("file"),
            r"key 'graphs\[1\].file': expected a value of type dict, found none",
        ),
        (lambda m: m["graphs"][0].update(opset="18"), r"key 'graphs\[0\].opset': expected int, found str"),
        (lambda m: m["graphs"].append("x"), r"key 'graphs\[4\]': expected an object, found str"),
        (lambda m: m["graphs"][0]["inputs"][0].update(shape=[-1, "a"]), "expected whole numbers"),
        (lambda m: m["graphs"][0]["inputs"][0].update(range=[1]), "expected two numbers or null"),
        (
            lambda m: m["model"].pop("channels"),
            "key 'model.channels': expected a value of type list, found none",
        ),
        (lambda m: m["model"].update(output_size=1 << 40), "key 'model.output_size': expected 1 to 8192"),
        (lambda m: m["model"].update(head_taps=[3]), "key 'model.head_taps': expected 2 whole numbers"),
        (lambda m: m["model"].update(start_from_latent_avg=1), "expected bool, found int"),
        (
            lambda m: m["model"]["sketch_fine"].update(units=[1, 2]),
            "key 'model.sketch_fine.units': expected 4 whole",
        ),
        (
            lambda m: m["parity"][0].update(error="small"),
            r"key 'parity\[0\].error': expected float, found str",
        ),
    ],
)
def test_wrong_keys_are_named(
    change: Callable[[dict[str, Any]], Any], message: str, bundle_copy: Path
) -> None:
    with pytest.raises(BundleError, match=message) as caught:
        read_manifest(edit(bundle_copy, change))
    assert MANIFEST in str(caught.value)


@pytest.mark.parametrize(
    "path", ["../secret.onnx", "/etc/passwd", "a/../../b", "..", "", "C:\\model.onnx", "a\\..\\..\\b"]
)
def test_paths_out_of_the_bundle_are_refused(path: str, bundle_copy: Path) -> None:
    edit(bundle_copy, lambda m: m["graphs"][0]["file"].update(path=path))
    with pytest.raises(BundleError, match=r"key 'graphs\[0\].file.path': expected a path inside the bundle"):
        Bundle.open(bundle_copy)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[]", b"[" * 100_000])
def test_damaged_json_is_refused(content: bytes, bundle_copy: Path) -> None:
    (bundle_copy / MANIFEST).write_bytes(content)
    with pytest.raises(BundleError, match=MANIFEST):
        read_manifest(bundle_copy)


def test_huge_manifest_is_refused_unread(bundle_copy: Path) -> None:
    with (bundle_copy / MANIFEST).open("wb") as file:
        file.truncate(1 << 33)
    with pytest.raises(BundleError, match="expected at most 4194304 bytes"):
        read_manifest(bundle_copy)


def test_what_is_no_bundle_is_described(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path, found in ((tmp_path / "nowhere", "found nothing"), (tmp_path / "file", "found a file")):
        with pytest.raises(BundleError, match=f"expected a bundle directory, {found}"):
            read_manifest(path)
    with pytest.raises(BundleError, match="'sfx export' makes one"):
        read_manifest(tmp_path)
