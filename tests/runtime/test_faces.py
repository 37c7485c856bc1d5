"""Faces from files while the next ones are read and drawn: order, errors, warnings, and how far ahead it works."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from sfx.errors import EngineError, InputError
from sfx.runtime import faces
from sfx.runtime.faces import Options, draw_faces
from sfx.runtime.pairing import Job, plan
from sfx.runtime.pictures import read_picture
from sfx.runtime.pipeline import Pipeline
from sfx.runtime.sketches import ReadSketch, SketchReader

SIDE = 16


class PlainPipeline(Pipeline):
    """Without engines: a face is its sketch's first class id everywhere, and its reference's colour in one corner."""

    def __init__(self) -> None:
        self.encoded = 0
        self.expected: list[Any] = []

    config: Any = SimpleNamespace(encoder_size=SIDE, appearance_size=SIDE, output_size=SIDE, style_width=1)

    def expect(self, *uses: Any) -> None:
        self.expected += uses

    def engine(self, part: str) -> Any:
        pass

    def encode_sketch(self, label_maps: Any, truncation: Any = None) -> Any:
        return label_maps.reshape(len(label_maps), -1, 1)[:, :2].astype(np.float32)

    def encode_appearance(self, photos: Any) -> Any:
        self.encoded += 1
        return np.full((1, 1, 1), photos[0, 0, 0], np.float32)

    def combine(self, sketch_codes: Any, appearance_codes: Any) -> Any:
        return np.concatenate([sketch_codes[:, :1], appearance_codes], axis=1)

    def synthesize(self, codes: Any) -> Any:
        faces = np.broadcast_to(codes[:, 0, :, None, None], (len(codes), SIDE, SIDE, 3)).astype(np.uint8)
        faces[:, 0, 0] = codes[:, 1]
        return faces


@pytest.fixture
def pipeline() -> PlainPipeline:
    return PlainPipeline()


@pytest.fixture
def jobs(tmp_path: Path) -> list[Job]:
    """Seven sketches, 1.png of class id 1 everywhere and so on, and one reference."""
    (tmp_path / "sketches").mkdir()
    for number in range(1, 8):
        Image.new("L", (SIDE, SIDE), number).save(tmp_path / "sketches" / f"{number}.png")
    Image.new("RGB", (SIDE, SIDE), (200, 200, 200)).save(tmp_path / "reference.png")
    return plan((tmp_path / "sketches",), tmp_path / "reference.png", tmp_path / "faces")


@pytest.fixture(autouse=True)
def _no_thread_left() -> Iterator[None]:
    yield
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("sfx-ahead")]


@pytest.mark.parametrize("batch", [1, 3, 10])
def test_every_face_is_on_disk_when_it_is_yielded(
    pipeline: PlainPipeline, jobs: list[Job], batch: int
) -> None:
    options = Options(input_kind="labels", batch=batch, couple=True, save_codes=True)
    found = []
    for job in draw_faces(pipeline, jobs, options):
        face = read_picture(job.out)
        assert face[1, 1, 0] == int(job.sketch.stem)
        assert face[0, 0, 0] == 200
        assert job.beside("_couple.png").is_file()
        assert np.load(job.beside("_codes.npy")).tolist() == [[int(job.sketch.stem)], [200]]
        found.append(job)
    assert found == jobs
    assert pipeline.encoded == 1


@pytest.mark.parametrize("batch", [1, 2, 3])
@pytest.mark.parametrize("damage", ["sketch", "reference"])
def test_faces_before_the_first_bad_picture_are_written(
    pipeline: PlainPipeline, jobs: list[Job], tmp_path: Path, batch: int, damage: str
) -> None:
    bad = tmp_path / "bad.png"
    bad.write_text("no picture")
    for number in (4, 5):
        job = jobs[number]
        jobs[number] = (
            Job(bad, job.appearance, job.out) if damage == "sketch" else Job(job.sketch, bad, job.out)
        )
    found: list[Job] = []
    with pytest.raises(InputError, match=r"bad\.png: expected a"):
        found.extend(draw_faces(pipeline, jobs, Options(input_kind="labels", batch=batch)))
    assert found == jobs[:4]
    assert sorted(path.name for path in (tmp_path / "faces").iterdir()) == [
        f"{number}_face.png" for number in range(1, 5)
    ]


def test_no_more_than_a_batch_is_read_and_one_drawn_ahead(
    pipeline: PlainPipeline, jobs: list[Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    read, most = [], 0
    plain = SketchReader.read
    monkeypatch.setattr(SketchReader, "read", lambda self, path: (read.append(path), plain(self, path))[1])
    for written, _ in enumerate(draw_faces(pipeline, jobs, Options(input_kind="labels")), start=1):
        most = max(most, len(read) - written)
    assert len(read) == len(jobs)
    assert {(use.part, use.batch, use.calls) for use in pipeline.expected} == {
        ("sketch_encoder", 1, len(jobs)),
        ("appearance_encoder", 1, len({job.appearance for job in jobs})),
        ("synthesis", 1, len(jobs)),
    }
    assert most <= 3  # one that is drawn, one that waits to be drawn, one that is read


def test_files_are_read_while_engines_load(
    pipeline: PlainPipeline, jobs: list[Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    read = threading.Event()
    plain = SketchReader.read
    monkeypatch.setattr(SketchReader, "read", lambda self, path: (plain(self, path), read.set())[0])
    monkeypatch.setattr(PlainPipeline, "engine", lambda self, part: read.wait(30.0) or pytest.fail("idle"))
    assert list(draw_faces(pipeline, jobs[:1], Options(input_kind="labels"))) == jobs[:1]


def test_warnings_come_in_order_before_their_face_and_from_the_calling_thread(
    pipeline: PlainPipeline, jobs: list[Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    labels = np.full((SIDE, SIDE), 5, np.uint8)
    monkeypatch.setattr(SketchReader, "read", lambda self, path: ReadSketch(labels, None, (path.stem,)))
    events = []

    def tell(line: str) -> None:
        assert threading.current_thread() is threading.main_thread()
        events.append(line.partition(";")[0])

    for job in draw_faces(pipeline, jobs, Options(batch=3), tell):
        events.append(job.sketch.stem)
    expected = [(f"Warning: {job.sketch}: {job.sketch.stem}", job.sketch.stem) for job in jobs]
    assert events == [event for pair in expected for event in pair]


def test_interrupted_or_failing_it_leaves_no_thread_and_no_open_interpreter(
    pipeline: PlainPipeline, jobs: list[Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = []
    monkeypatch.setattr(SketchReader, "close", lambda self: closed.append("reader"))
    drawn = draw_faces(pipeline, jobs, Options(input_kind="labels"))
    assert next(drawn) == jobs[0]
    with pytest.raises(KeyboardInterrupt):
        drawn.throw(KeyboardInterrupt)
    assert closed == ["reader"]

    def failing(self: Any, codes: Any) -> Any:
        raise EngineError("out of memory")

    monkeypatch.setattr(PlainPipeline, "synthesize", failing)
    with pytest.raises(EngineError, match="out of memory"):
        list(draw_faces(pipeline, jobs, Options(input_kind="labels")))
    assert closed == ["reader", "reader"]
    assert not jobs[1].out.exists()


def test_a_face_that_cannot_be_written_stops_it(
    pipeline: PlainPipeline, jobs: list[Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = faces.write_picture

    def full_disk(path: Path, picture: Any) -> None:
        if path == jobs[2].out:
            raise InputError(f"{path}: expected to write it, found: disk full")
        plain(path, picture)

    monkeypatch.setattr(faces, "write_picture", full_disk)
    found: list[Job] = []
    with pytest.raises(InputError, match=r"3_face\.png: .* disk full"):
        found.extend(draw_faces(pipeline, jobs, Options(input_kind="labels")))
    assert found == jobs[:2]
    assert not jobs[3].out.exists()
