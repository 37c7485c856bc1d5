"""The pipeline from files to faces computes what the published form computes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import sfx
from sfx.engines.bundle import Bundle
from sfx.export.checkpoint import Checkpoint
from sfx.export.exporter import export
from sfx.export.proof import Published, to_bytes
from sfx.runtime import codes as codes_of
from sfx.runtime.faces import Mixing, Options, RandomAppearance, draw_faces
from sfx.runtime.label_maps import read_label_map
from sfx.runtime.pairing import plan
from sfx.runtime.pictures import fit_appearance, read_picture
from sfx.runtime.pipeline import Pipeline, Use
from sfx.samples import sample_appearance, sample_label_map


@pytest.fixture(scope="module")
def published(checkpoint: Checkpoint) -> Published:
    return Published(checkpoint.config, checkpoint.state, checkpoint.latent_avg)


@pytest.fixture
def pipeline(bundle: Bundle) -> Pipeline:
    return sfx.load(bundle.path)


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[Use]:
    """What engines were made for, in that order."""
    uses: list[Use] = []
    plain = Pipeline._made
    monkeypatch.setattr(Pipeline, "_made", lambda self, use: (uses.append(use), plain(self, use))[1])
    return uses


def expected_codes(published: Published, sketch: Path, photo: Path) -> np.ndarray:
    label_map = torch.from_numpy(read_label_map(sketch, 64))[None]
    appearance = torch.from_numpy(fit_appearance(read_picture(photo), 128).copy())[None]
    codes, _ = published.sketch_codes(label_map)
    codes[:, 8:] += published.appearance_codes(appearance)
    return codes.numpy()


def faces_of(published: Published, codes: np.ndarray) -> np.ndarray:
    return to_bytes(published.image(torch.from_numpy(codes))).numpy()


def assert_same_picture(found: np.ndarray, expected: np.ndarray) -> None:
    assert found.shape == expected.shape
    assert np.abs(found.astype(int) - expected).max() <= 1
    assert np.mean(found != expected) < 0.02


def test_the_readme_lines(
    bundle: Bundle, sketch_path: Path, photo_path: Path, tmp_path: Path, published: Published
) -> None:
    model = sfx.load(bundle.path)
    appearance = model.encode_appearance(sfx.read_picture(photo_path))
    face = model.draw(sfx.read_label_map(sketch_path, model.config.encoder_size), appearance)
    sfx.write_picture(tmp_path / "face.png", face)
    expected = faces_of(published, expected_codes(published, sketch_path, photo_path))[0]
    assert_same_picture(read_picture(tmp_path / "face.png"), expected)


def test_files_to_face_and_codes(
    pipeline: Pipeline, published: Published, sketch_path: Path, photo_path: Path, tmp_path: Path
) -> None:
    jobs = plan([sketch_path], photo_path, tmp_path)
    assert list(draw_faces(pipeline, jobs, Options(save_codes=True))) == jobs
    codes = np.load(tmp_path / "sketch_codes.npy")
    expected = expected_codes(published, sketch_path, photo_path)
    assert codes.dtype == np.float32
    assert codes.shape == (10, 32)
    np.testing.assert_allclose(codes, expected[0], atol=1e-4)
    assert_same_picture(read_picture(tmp_path / "sketch_face.png"), faces_of(published, expected)[0])


def test_random_appearance_is_the_mapped_z_alone(
    pipeline: Pipeline, published: Published, sketch_path: Path, tmp_path: Path
) -> None:
    jobs = plan([sketch_path], None, tmp_path)
    list(draw_faces(pipeline, jobs, Options(random=RandomAppearance(seed=7), save_codes=True)))
    z = np.random.default_rng(7).standard_normal((1, 32), dtype=np.float32)
    w = published.mapping(torch.from_numpy(z)).numpy()
    codes = np.load(tmp_path / "sketch_codes.npy")
    np.testing.assert_allclose(codes[8:], np.repeat(w, 2, 0), atol=1e-4)
    geometry, _ = published.sketch_codes(torch.from_numpy(read_label_map(sketch_path, 64))[None])
    np.testing.assert_allclose(codes[:8], geometry[0, :8], atol=1e-4)


def test_random_appearances_differ_unless_fixed(pipeline: Pipeline, tmp_path: Path) -> None:
    sketches = write_sketches(tmp_path / "s", 3)
    for fixed, batch in ((False, 1), (False, 2), (True, 2)):
        out = tmp_path / f"{fixed}{batch}"
        options = Options(random=RandomAppearance(1, fixed), save_codes=True, batch=batch)
        list(draw_faces(pipeline, plan([sketches], None, out), options))
        rows = [np.load(path)[9] for path in sorted(out.glob("*.npy"))]
        assert len(rows) == 3
        assert np.allclose(rows[0], rows[1], atol=1e-5) == fixed
    # What a sketch gets does not depend on how many went through the engines together.
    for name in ("0_codes.npy", "2_codes.npy"):
        one, two = (np.load(tmp_path / folder / name) for folder in ("False1", "False2"))
        np.testing.assert_allclose(one, two, atol=1e-5)


def write_sketches(folder: Path, count: int) -> Path:
    from PIL import Image

    folder.mkdir()
    for seed in range(count):
        Image.fromarray(sample_label_map(seed, 128)).save(folder / f"{seed}.png")
    return folder


def test_mixing_follows_its_formula(
    pipeline: Pipeline, published: Published, sketch_path: Path, photo_path: Path, tmp_path: Path
) -> None:
    options = Options(mixing=Mixing((2, 8, 9), seed=4, alpha=0.5), save_codes=True)
    list(draw_faces(pipeline, plan([sketch_path], photo_path, tmp_path), options))
    z = np.random.default_rng(4).standard_normal((1, 32), dtype=np.float32)
    w = published.mapping(torch.from_numpy(z)).numpy()
    expected = expected_codes(published, sketch_path, photo_path)
    expected[:, [2, 8, 9]] = 0.5 * w[:, None] + 0.5 * expected[:, [2, 8, 9]]
    np.testing.assert_allclose(np.load(tmp_path / "sketch_codes.npy"), expected[0], atol=1e-4)


def test_batches_and_single_faces_agree(pipeline: Pipeline, photo_path: Path, tmp_path: Path) -> None:
    sketches = write_sketches(tmp_path / "s", 3)
    for batch in (1, 2):
        list(draw_faces(pipeline, plan([sketches], photo_path, tmp_path / str(batch)), Options(batch=batch)))
    for name in ("0_face.png", "1_face.png", "2_face.png"):
        assert_same_picture(read_picture(tmp_path / "1" / name), read_picture(tmp_path / "2" / name))


def test_reference_is_encoded_once_for_many_sketches(
    pipeline: Pipeline, photo_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    encode = Pipeline.encode_appearance
    monkeypatch.setattr(
        Pipeline, "encode_appearance", lambda self, photo: (calls.append(1), encode(self, photo))[1]
    )
    list(draw_faces(pipeline, plan([write_sketches(tmp_path / "s", 3)], photo_path, tmp_path), Options()))
    assert len(calls) == 1


def test_couple_size_and_reference(
    pipeline: Pipeline, sketch_path: Path, photo_path: Path, tmp_path: Path
) -> None:
    options = Options(size=32, couple=True, save_reference=True)
    list(draw_faces(pipeline, plan([sketch_path], photo_path, tmp_path), options))
    face = read_picture(tmp_path / "sketch_face.png")
    couple = read_picture(tmp_path / "sketch_couple.png")
    assert face.shape == (32, 32, 3)
    assert couple.shape == (32, 96, 3)
    np.testing.assert_array_equal(couple[:, 32:64], face)
    assert (couple[0, 0] == 255).all()
    reference = read_picture(tmp_path / "sketch_reference.png")
    np.testing.assert_array_equal(reference, fit_appearance(read_picture(photo_path), 128))
    np.testing.assert_array_equal(couple[:, 64:], fit_appearance(reference, 32))


@pytest.mark.parametrize(
    ("size", "side", "name"), [(None, 16, "preview"), (16, 16, "preview"), (32, 32, "half_preview")]
)
def test_previews_from_files(
    size: int | None,
    side: int,
    name: str,
    pipeline: Pipeline,
    published: Published,
    sketch_path: Path,
    photo_path: Path,
    tmp_path: Path,
    made: list[Use],
) -> None:
    options = Options(preview=True, couple=True, size=size)
    jobs = plan([sketch_path], photo_path, tmp_path, options.companions(), options.ending)
    list(draw_faces(pipeline, jobs, options))
    codes = torch.from_numpy(expected_codes(published, sketch_path, photo_path))
    expected = to_bytes(published.pictures(codes)[name]).numpy()[0]
    assert_same_picture(read_picture(tmp_path / "sketch_preview.png"), expected)
    assert read_picture(tmp_path / "sketch_couple.png").shape == (side, 3 * side, 3)
    assert {use.part for use in made} == {"sketch_encoder", "appearance_encoder", name}
    with pytest.raises(sfx.InputError, match="size: expected one of 32, 16, found 64"):
        list(draw_faces(pipeline, jobs, Options(preview=True, size=64)))


def test_other_previews_are_refused(pipeline: Pipeline) -> None:
    with pytest.raises(sfx.InputError, match="preview synthesis: expected one of preview, half_preview"):
        pipeline.preview(np.zeros((1, pipeline.config.n_styles, pipeline.config.style_width)), "synthesis")


def test_sizes_that_do_not_divide_are_refused(
    pipeline: Pipeline, sketch_path: Path, photo_path: Path, tmp_path: Path
) -> None:
    jobs = plan([sketch_path], photo_path, tmp_path)
    for size in (0, -64, 8, 48, 128):
        with pytest.raises(sfx.InputError, match=f"size: expected one of 64, 32, 16, found {size}"):
            list(draw_faces(pipeline, jobs, Options(size=size)))


def test_arrays_that_do_not_fit_are_named(pipeline: Pipeline) -> None:
    with pytest.raises(
        sfx.InputError, match=r"label map: expected uint8 class ids 0\.\.22 of shape \(B, 64, 64\)"
    ):
        pipeline.encode_sketch(np.zeros((32, 32), np.uint8))
    with pytest.raises(sfx.InputError, match="with values up to 23"):
        pipeline.encode_sketch(np.full((64, 64), 23, np.uint8))
    with pytest.raises(sfx.InputError, match="photo: expected uint8 RGB"):
        pipeline.encode_appearance(np.zeros((8, 8), np.uint8))


def test_truncation_moves_the_geometry_layers_only(
    bundle: Bundle, pipeline: Pipeline, checkpoint_path: Path, tmp_path: Path
) -> None:
    label_map = sample_label_map(0, 64)
    free = pipeline.encode_sketch(label_map)
    with pytest.raises(sfx.InputError, match=r"truncation 1\.3: expected a bundle with code statistics"):
        pipeline.encode_sketch(label_map, 1.3)
    fine = pipeline.engine("sketch_encoder")({"label_map": label_map[None]})["fine_codes"]
    content = torch.load(checkpoint_path, weights_only=True)
    mean, deviation = torch.zeros(8, 32), torch.full((8, 32), 0.01)
    content["code_statistics"] = {"fine_mean": mean, "fine_deviation": deviation}
    content["opts"]["truncation"] = 1.3
    torch.save(content, tmp_path / "kept.pt")
    with sfx.load(export(tmp_path / "kept.pt", tmp_path / "engines").path) as kept:
        truncated = kept.encode_sketch(label_map)
        expected = free[:, :8] - fine + codes_of.truncate(fine, mean.numpy(), deviation.numpy(), 1.3)
        np.testing.assert_allclose(truncated[:, :8], expected, atol=1e-5)
        assert np.abs(truncated[:, :8] - free[:, :8]).max() > 1e-3
        np.testing.assert_allclose(truncated[:, 8:], free[:, 8:], atol=1e-6)
        np.testing.assert_allclose(kept.encode_sketch(label_map, float("inf")), free, atol=1e-6)


def test_random_appearance_needs_no_appearance_encoder(
    pipeline: Pipeline, sketch_path: Path, tmp_path: Path, made: list[Use]
) -> None:
    list(draw_faces(pipeline, plan([sketch_path], None, tmp_path), Options(random=RandomAppearance(0))))
    assert {use.part for use in made} == {"sketch_encoder", "mapping", "synthesis"}


def test_engines_of_a_single_face_are_made_in_turn_and_freed(
    pipeline: Pipeline, sketch_path: Path, photo_path: Path, tmp_path: Path, made: list[Use]
) -> None:
    list(draw_faces(pipeline, plan([sketch_path], photo_path, tmp_path), Options()))
    assert made == [Use(part, calls=1) for part in ("sketch_encoder", "appearance_encoder", "synthesis")]
    assert not pipeline._engines
    again = plan([sketch_path], photo_path, tmp_path / "again")
    list(draw_faces(pipeline, again, Options()))
    np.testing.assert_array_equal(read_picture(again[0].out), read_picture(tmp_path / "sketch_face.png"))


def test_an_engine_is_freed_after_the_last_call_that_was_expected(
    pipeline: Pipeline, made: list[Use]
) -> None:
    w = pipeline.random_w(1)
    assert [use.calls for use in made] == [None]
    pipeline.expect(Use("mapping", calls=1), Use("sketch_encoder", calls=2))
    np.testing.assert_array_equal(pipeline.random_w(1), w)
    assert set(pipeline._engines) == {"mapping"}, "it was there before, and not to be freed"
    label_map = sample_label_map(0, 64)
    pipeline.encode_sketch(label_map)
    assert set(pipeline._engines) == {"mapping", "sketch_encoder"}
    pipeline.expect(Use("sketch_encoder", calls=1))
    codes = pipeline.encode_sketch(label_map)
    assert set(pipeline._engines) == {"mapping"}
    np.testing.assert_array_equal(pipeline.encode_sketch(label_map), codes)
    assert [use.part for use in made] == ["mapping", "sketch_encoder", "sketch_encoder"]
    assert made[-1].calls is None, "beyond what was expected there may be many"


def test_prepared_engines_stay(
    pipeline: Pipeline, sketch_path: Path, photo_path: Path, tmp_path: Path, made: list[Use]
) -> None:
    parts = ("sketch_encoder", "appearance_encoder", "synthesis")
    pipeline.prepare(*(Use(part) for part in parts))
    list(draw_faces(pipeline, plan([sketch_path], photo_path, tmp_path), Options()))
    assert set(pipeline._engines) == set(parts)
    assert len(made) == 3


def test_closed_pipeline_works_again(pipeline: Pipeline) -> None:
    w = pipeline.random_w(1)
    pipeline.close()
    assert not pipeline._engines
    np.testing.assert_array_equal(pipeline.random_w(1), w)


def test_photos_of_any_size_are_taken(pipeline: Pipeline) -> None:
    photo = sample_appearance(size=200)
    assert pipeline.encode_appearance(photo[:150]).shape == (1, 2, 32)
