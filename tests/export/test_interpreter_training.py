"""Training data, changes and the training run of the interpreter's network, small and whole."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper

from sfx.engines.backends import choose
from sfx.engines.bundle import Bundle
from sfx.engines.recorded import read_arrays
from sfx.errors import BundleError, InputError
from sfx.export.interpreter import changes, dataset
from sfx.export.interpreter.batches import BatchSource, batch_of
from sfx.export.interpreter.conventions import CONVENTIONS
from sfx.export.interpreter.drawing import UNSCORED, Drawing
from sfx.export.interpreter.finish import InterpreterGraph, deployable, finish, read_run
from sfx.export.interpreter.jewellery import with_hanging_earrings
from sfx.export.interpreter.network import InterpreterNet
from sfx.export.interpreter.recover import described, recover
from sfx.export.interpreter.scoring import accuracy, family_table, loss_of
from sfx.export.interpreter.tracing import traced
from sfx.export.interpreter.train import Options, train
from sfx.export.interpreter.varying import CORRUPTIONS, varied
from sfx.export.plain_file import write_plain
from sfx.runtime.interpreter import Interpreter
from sfx.runtime.interpreter.interpreting import MODEL
from sfx.samples import sample_label_map


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("interpreter") / "data"
    for split in (dataset.TRAINING, dataset.HELD_OUT):
        dataset.draw_shard(folder / f"{split}-000", 1, split, 0, count=3)
    return folder


@pytest.fixture(scope="module")
def run(data: Path) -> Path:
    out = data.parent / "run"
    train(Options(data, out, minutes=1.0, batch=2, stop_at_step=2))
    return out


@pytest.fixture(scope="module")
def face(data: Path) -> Drawing:
    return dataset.open_shards(data, dataset.TRAINING)[0].drawing(0)


def test_a_shard_holds_what_was_drawn(data: Path) -> None:
    (shard,) = dataset.open_shards(data, dataset.TRAINING)
    assert len(shard) == 6
    sketches = [
        sketch for portrait in range(3) for sketch in dataset.sketches_of(1, dataset.TRAINING, portrait)
    ]
    for index, (drawing, dense) in enumerate(sketches):
        np.testing.assert_array_equal(shard.drawing(index).points, drawing.points)
        np.testing.assert_array_equal(shard.drawing(index).labels, drawing.labels)
        assert shard.dense[index] == dense
    held_out = dataset.open_shards(data, dataset.HELD_OUT)[0]
    assert not np.array_equal(held_out.points[:50], shard.points[:50])


def test_a_folder_without_shards_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="expected drawn shards 'training-000'"):
        dataset.open_shards(tmp_path, dataset.TRAINING)


def test_keeping_points_cuts_strokes() -> None:
    points = np.arange(20, dtype=np.float32).reshape(10, 2)
    drawing = Drawing(points, np.array([0, 6, 10]), np.array([3, 7], np.uint8))
    keep = np.array([1, 1, 0, 1, 1, 1, 1, 1, 0, 1], bool)
    left = drawing.kept(keep)
    assert left.labels.tolist() == [3, 3, 7]
    assert [left.path(index).tolist() for index in range(3)] == [
        points[0:2].tolist(), points[3:6].tolist(), points[6:8].tolist(),
    ]  # fmt: skip
    assert drawing.only(np.array([False, True])).labels.tolist() == [7]
    assert len(drawing.kept(np.zeros(10, bool)).labels) == 0


def test_a_mirror_exchanges_left_and_right(face: Drawing) -> None:
    mirrored = changes.mirrored(face, np.random.default_rng(0))
    np.testing.assert_allclose(mirrored.points[:, 0], 256 - face.points[:, 0], rtol=1e-5)
    assert (mirrored.labels[face.labels == 1] == 2).all()
    assert (mirrored.labels[face.labels == 12] == 11).all()
    assert (mirrored.labels[face.labels == 7] == 7).all()


@pytest.mark.parametrize("name", [*CORRUPTIONS, "varied"])
def test_a_change_keeps_drawings_whole(name: str, data: Path) -> None:
    (shard,) = dataset.open_shards(data, dataset.TRAINING)
    change = varied if name == "varied" else CORRUPTIONS[name]
    differ = 0
    for index in range(6):
        before = shard.drawing(index)
        after = change(before, np.random.default_rng(index))
        assert after.starts[0] == 0
        assert after.starts[-1] == len(after.points)
        assert (np.diff(after.starts) >= 2).all()
        assert len(after.labels) == len(after.starts) - 1
        assert np.isfinite(after.points).all()
        assert set(after.labels.tolist()) <= set(range(1, 20)) | {21, UNSCORED}
        differ += not np.array_equal(after.label_map(), before.label_map())
    assert differ >= 3


def test_every_convention_draws_something_else(data: Path) -> None:
    (shard,) = dataset.open_shards(data, dataset.TRAINING)
    for _, change in CONVENTIONS:
        maps = [(shard.drawing(i), change(shard.drawing(i), np.random.default_rng(i))) for i in range(6)]
        changed = any(not np.array_equal(before.label_map(), after.label_map()) for before, after in maps)
        assert changed or change.__name__ == "with_eyes_hidden"


def test_hanging_earrings_hide_what_is_behind_and_hang_below_ear_level(data: Path) -> None:
    (shard,) = dataset.open_shards(data, dataset.TRAINING)
    worn = 0
    for index in range(6):
        bare = shard.drawing(index).only(shard.drawing(index).labels != 8)
        for seed in range(12):
            after = with_hanging_earrings(bare, np.random.default_rng(seed))
            ornaments = after.points[after.label_of == 8]
            if not len(ornaments):
                continue
            worn += 1
            eyes = bare.points[np.isin(bare.label_of, (1, 2))]
            assert np.percentile(ornaments[:, 1], 5) > eyes[:, 1].mean()
            # Whatever is left of the other lines was there before, and nothing of them was moved.
            others = {tuple(point) for point in after.points[after.label_of != 8].tolist()}
            assert others <= {tuple(point) for point in bare.points.tolist()}
            twice = with_hanging_earrings(after, np.random.default_rng(seed))
            assert twice is after
    assert worn > 20


def test_batches_repeat_by_seed_and_step(data: Path) -> None:
    first, again = (BatchSource(data, 3, 5).label_maps(7) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, BatchSource(data, 3, 5).label_maps(8))
    batch = batch_of(first)
    scored = (first > 0) & (first != UNSCORED)
    assert len(batch.label) == scored.sum()
    np.testing.assert_array_equal(batch.ink[:, 0].numpy() > 0, first > 0)
    np.testing.assert_array_equal(first[batch.drawing, batch.row, batch.column], batch.label)


def test_traced_lines_keep_the_labels_of_what_was_drawn(face: Drawing) -> None:
    drawn, found = face.label_map(), traced(face, np.random.default_rng(0))
    assert found.shape == (256, 256)
    assert not np.array_equal(found > 0, drawn > 0), "a tracer that keeps every pixel would need no training"
    both = (drawn > 0) & (found > 0)
    assert both.sum() > 0.5 * (drawn > 0).sum()
    assert (drawn == found)[both].mean() > 0.99
    assert set(np.unique(found)) <= {*np.unique(drawn), UNSCORED}
    empty = face.kept(np.zeros(len(face.points), np.bool_))
    assert not traced(empty, np.random.default_rng(0)).any()


def test_scores_at_pixels_are_the_dense_scores() -> None:
    torch.manual_seed(0)
    network = InterpreterNet().eval()
    ink = torch.from_numpy((sample_label_map(0) > 0)[None, None].astype(np.float32))
    places = torch.tensor([0, 0, 0]), torch.tensor([10, 101, 200]), torch.tensor([20, 33, 255])
    with torch.no_grad():
        dense = network(ink)
        torch.testing.assert_close(network.scores_at(ink, *places), dense[0][:, places[1], places[2]].T)
    assert dense.shape == (1, 23, 256, 256)


def test_loss_and_accuracy_know_families() -> None:
    labels, drawing = torch.tensor([10, 15]), torch.tensor([0, 1])
    table, weights = family_table(), torch.ones(23)

    def scores(*classes: int) -> torch.Tensor:
        return 12.0 * torch.eye(23)[list(classes)]

    right, sibling, wrong = scores(10, 15), scores(17, 15), scores(15, 15)
    losses = [float(loss_of(s, labels, drawing, weights, table)) for s in (right, sibling, wrong)]
    assert losses[0] < losses[1] < losses[2]
    assert accuracy(sibling, labels, table) == (1.0, 0.5)
    assert accuracy(wrong, labels, table) == (0.5, 0.5)


def test_a_run_is_resumed_where_it_ended(data: Path, run: Path) -> None:
    train(Options(data, run, minutes=1.0, batch=2, stop_at_step=4))
    state = torch.load(run / "checkpoint.pt", weights_only=True)
    assert state["step"] == 4
    lines = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines if line["kind"] == "held-out"] == [2] * 3 + [4] * 3
    shown = {line["drawings"] for line in lines if line["kind"] == "held-out"}
    assert shown == {"as drawn", "traced", "changed"}


def test_folding_and_rounding_change_little() -> None:
    torch.manual_seed(0)
    network = InterpreterNet()
    ink = torch.from_numpy((sample_label_map(0) > 0)[None, None].astype(np.float32))
    network.train()(ink.repeat(2, 1, 1, 1))  # statistics of BatchNorm that are not the identity
    network.eval()
    with torch.no_grad():
        before = network(ink)
        after = deployable(network)(ink)
    assert (after - before).abs().max() < 0.02 * before.abs().max()
    assert all(torch.equal(value, value.half().float()) for value in network.parameters())


def test_a_run_becomes_a_bundle_that_interprets(run: Path, tmp_path: Path) -> None:
    bundle = finish(read_run(run), tmp_path / "model")
    assert {measured.link for measured in bundle.manifest.parity} == {
        "deployable -> openvino", "deployable -> onnxruntime",
    }  # fmt: skip
    assert all(measured.error <= measured.tolerance for measured in bundle.manifest.parity)
    assert bundle.manifest.model is None
    assert Bundle.open(tmp_path / "model").manifest.graph("interpreter").outputs[0].shape == (
        -1,
        22,
        256,
        256,
    )
    ink = np.where(sample_label_map(0, 512) > 0, 0, 255).astype(np.uint8)
    maps = []
    for name in ("openvino", "onnxruntime"):
        with Interpreter(choose(name, "cpu"), bundle) as interpreter:
            maps.append(interpreter.interpret(ink).label_map())
    assert (maps[0] == maps[1]).mean() > 0.99
    with pytest.raises(BundleError, match="expected nothing there, found a bundle"):
        finish(read_run(run), tmp_path / "model")


def test_the_shipped_network_comes_back_and_is_trained_on(data: Path, tmp_path: Path) -> None:
    bundle = Bundle.open(MODEL)
    proof = read_arrays(bundle, bundle.manifest.proof)
    network = recover(bundle)
    graph = onnx.load(bundle.checked(bundle.manifest.graphs[0].file)).graph
    stored = [numpy_helper.to_array(each) for each in graph.initializer]
    # The weights of linear layers are stored transposed.
    exact = {form.tobytes() for value in stored for form in (value, value.T)}
    for name, value in network.state_dict().items():
        assert value.numpy().tobytes() in exact, name
    with torch.inference_mode():
        scores, _ = InterpreterGraph(network)(torch.from_numpy(proof["ink"]))
    # Recorded on another processor, whose last bits may round a score in a million the other way.
    apart = np.abs(scores.numpy().astype(int) - proof["scores"])
    assert apart.max() <= 1
    assert apart.mean() < 1e-5

    out = tmp_path / "run"
    for stop_at in (1, 2):  # begun, and resumed
        train(
            Options(
                data, out, minutes=1.0, learning_rate=1e-3, batch=2, begin_from=MODEL, stop_at_step=stop_at
            )
        )
    trained = read_run(out)
    assert trained.source["steps"] == 2
    assert trained.source["begun_from"] == described(bundle.manifest.source)
    with torch.inference_mode():
        after, _ = InterpreterGraph(trained.network)(torch.from_numpy(proof["ink"]))
    assert np.abs(after.numpy().astype(int) - proof["scores"]).mean() > 1e-4
    assert (after.numpy().argmax(1) == proof["scores"].argmax(1)).mean() > 0.99


def test_a_bundle_of_another_network_is_not_begun_from(bundle: Bundle) -> None:
    with pytest.raises(BundleError, match="interpreter"):
        recover(bundle)


def test_a_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"expected a training run with a checkpoint\.pt, found none"):
        read_run(tmp_path)


def test_a_checkpoint_of_another_kind_of_run_is_refused(tmp_path: Path) -> None:
    write_plain({"trained": {}, "averaged": {}, "step": 4}, tmp_path / "checkpoint.pt")
    with pytest.raises(
        InputError, match=r"checkpoint\.pt: expected a checkpoint with network, .* without network, "
    ):
        read_run(tmp_path)


def test_a_run_without_data_leaves_no_folder_behind(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="none: expected drawn shards"):
        train(Options(tmp_path / "none", tmp_path / "run", minutes=1.0))
    assert not (tmp_path / "run").exists()
