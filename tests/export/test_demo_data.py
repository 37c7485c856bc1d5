"""The data set, its augmentation and the batches made of it."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from sfx.calibration import portraits
from sfx.calibration.portraits import geometry_vector, geometry_vector_names, mirrored, sample_geometry
from sfx.errors import InputError
from sfx.export.demo import augment
from sfx.export.demo.batches import RARE, RARE_ENTRIES, BatchSource, Portraits, Prefetcher
from sfx.export.demo.dataset import (
    HELD_OUT,
    PARTS,
    SKETCHES,
    TRAINING,
    Shard,
    appearance_mirror_signs,
    appearance_vector,
    appearance_vector_names,
    draw,
    draw_shard,
    open_shards,
    recoloured_appearance,
    shard_folder,
)
from sfx.export.demo.held_out import held_out_pairs
from sfx.export.demo.latents import AppearanceLatents
from sfx.export.demo.metrics import reference_shows
from sfx.labels import MAX_LABEL
from sfx.samples import sample_label_map
from tests.export.demo_fixtures import draw_small_set


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw_small_set(tmp_path_factory.mktemp("data"))


def test_a_shard_is_drawn_the_same_again_and_splits_differ(data: Path, tmp_path: Path) -> None:
    draw_shard(tmp_path / f"{TRAINING}-000", seed=5, split=TRAINING, index=0, groups=2)
    first, second = open_shards(data, TRAINING)[0], open_shards(tmp_path, TRAINING)[0]
    held_out = open_shards(data, HELD_OUT)[0]
    for name in ("pictures", "sketches", "parts", "geometry", "appearance"):
        assert np.array_equal(getattr(first, name), getattr(second, name))
    assert not np.array_equal(first.pictures, held_out.pictures)


def test_a_shard_holds_what_it_says(data: Path) -> None:
    shard = open_shards(data, TRAINING)[0]
    assert shard.pictures.shape == (8, 256, 256, 3)
    assert shard.sketches.shape == (8, 3, 256, 256)
    assert shard.sketches.max() <= MAX_LABEL
    assert shard.parts.max() < len(PARTS)
    assert shard.geometry.shape[1] == len(geometry_vector_names())
    # Groups of four share an appearance and nothing else.
    assert np.array_equal(shard.appearance[0], shard.appearance[3])
    assert not np.array_equal(shard.appearance[3], shard.appearance[4])
    assert not np.array_equal(shard.geometry[0], shard.geometry[1])


def test_a_hand_draws_other_lines_than_the_exact_sketch_but_of_nothing_else(data: Path) -> None:
    exact, hand, resized = np.moveaxis(np.asarray(open_shards(data, TRAINING)[0].sketches), 1, 0)
    for row in range(len(exact)):
        assert set(np.unique(hand[row])) <= set(np.unique(exact[row]))
        assert not np.array_equal(exact[row], hand[row])
        assert not np.array_equal(hand[row], resized[row])


def test_held_out_pairs_are_drawn_from_the_sketches_asked_for(data: Path) -> None:
    shard = open_shards(data, HELD_OUT)[0]
    assert np.array_equal(held_out_pairs(data, 2).sketches.numpy(), shard.sketches[[0, 4], 0])
    assert np.array_equal(held_out_pairs(data, 2, "hand").sketches.numpy(), shard.sketches[[0, 4], 1])


def test_a_set_with_other_sketches_is_refused(data: Path, tmp_path: Path) -> None:
    folder = tmp_path / "old"
    shutil.copytree(data, folder)
    file = shard_folder(folder, TRAINING, 0) / "sketches.npy"
    np.save(file, np.load(file)[:, 1:])
    with pytest.raises(
        InputError, match=r"old: expected 3 sketches of each portrait .*, found 2: draw a set anew"
    ):
        open_shards(folder, TRAINING)


def test_most_training_sketches_are_exact(data: Path) -> None:
    shard, source = open_shards(data, TRAINING)[0], BatchSource(data, 120, 16, 0, 0, geometry_vector_names())
    taken = source.batch(0).sketches.numpy()  # some of them mirrored, moved or changed: of none of the three
    counts = [
        sum(bool((drawn == sketch).all((1, 2)).any()) for sketch in taken)
        for drawn in np.moveaxis(np.asarray(shard.sketches), 1, 0)
    ]
    assert len(counts) == len(SKETCHES)
    assert counts[0] > counts[1] + counts[2] > 0
    assert min(counts) > 0


def test_an_unfinished_shard_is_not_read(data: Path, tmp_path: Path) -> None:
    (tmp_path / f"{TRAINING}-000.part").mkdir()
    with pytest.raises(InputError, match="expected drawn shards 'training-000'"):
        open_shards(tmp_path, TRAINING)


def test_a_set_of_another_seed_is_not_extended(tmp_path: Path) -> None:
    (tmp_path / "dataset.json").write_text('{"seed": 1}')
    with pytest.raises(InputError, match="seed 2, found one of seed 1"):
        draw(tmp_path, pictures=0, held_out=0, seed=2, processes=1)


def test_mirroring_a_sketch_exchanges_left_and_right_and_undoes_itself() -> None:
    sketch = sample_label_map(0)
    mirror = augment.mirrored_labels(sketch)
    for left, right in ((1, 2), (4, 5), (11, 12)):
        assert np.array_equal(mirror == left, (sketch == right)[:, ::-1])
    assert np.array_equal(mirror == 7, (sketch == 7)[:, ::-1])
    assert np.array_equal(augment.mirrored_labels(mirror), sketch)


@pytest.mark.parametrize("seed", range(5))
def test_mirror_signs_are_what_mirroring_a_geometry_does(seed: int) -> None:
    geometry = sample_geometry(np.random.default_rng(seed))
    signs = augment.mirror_signs(geometry_vector_names())
    assert np.allclose(geometry_vector(geometry) * signs, geometry_vector(mirrored(geometry)), atol=1e-6)


def test_a_mirrored_appearance_lights_the_mirrored_face() -> None:
    look = replace(
        portraits.sample_appearance(np.random.default_rng(3)), light_x=0.9, background_angle=0.7, light=1.0
    )
    signs = appearance_mirror_signs()
    other = replace(look, light_x=-0.9, background_angle=-0.7)
    assert np.allclose(appearance_vector(look) * signs, appearance_vector(other))
    geometry = sample_geometry(np.random.default_rng(4))
    mirror = portraits.picture(geometry, look, 64)[:, ::-1].astype(float)
    as_mirrored = portraits.picture(mirrored(geometry), other, 64)
    as_before = portraits.picture(mirrored(geometry), look, 64)
    assert np.square(as_mirrored - mirror).mean() < 0.3 * np.square(as_before - mirror).mean()


def test_entries_of_an_appearance_are_named_by_their_field() -> None:
    look = portraits.sample_appearance(np.random.default_rng(3))
    brighter = appearance_vector(replace(look, light=look.light + 0.1, lens=(0.9, 0.9, 0.9)))
    changed = appearance_vector(look) != brighter
    names = np.array(appearance_vector_names())
    assert names[changed].tolist() == ["lens", "lens", "lens", "light"]


def _described(source: BatchSource, shard: Shard) -> tuple[torch.Tensor, torch.Tensor]:
    """The appearance of each of a shard's portraits as batches tell it, and of its mirror image."""
    geometry, appearance = np.asarray(shard.geometry), np.asarray(shard.appearance)
    mirrored_appearance = appearance * appearance_mirror_signs()
    return source.standardised(geometry, appearance)[1], source.standardised(geometry, mirrored_appearance)[1]


def test_batches_describe_the_light_as_it_falls_in_their_pictures(data: Path) -> None:
    source = BatchSource(data, samples=16, style_width=32, seed=3, rank=0, names=geometry_vector_names())
    shard = open_shards(data, TRAINING)[0]
    as_drawn, as_mirrored = _described(source, shard)
    pictures = torch.tensor(np.asarray(shard.pictures)).permute(0, 3, 1, 2)
    batches: list[Portraits] = [source.portraits(0), source.batch(0, recoloured=False)]
    for batch in batches:
        found = set()
        for target, described in zip(batch.targets, batch.appearance, strict=True):
            for seen, descriptions in ((target, as_drawn), (target.flip(-1), as_mirrored)):
                # None for a picture that was moved.
                for row in (pictures == seen).flatten(1).all(1).nonzero()[:, 0]:
                    assert torch.equal(described, descriptions[row])
                    found.add(seen is target)
        assert found == {True, False}


def test_augmented_sketches_stay_sketches_and_change() -> None:
    sketch = sample_label_map(0)
    results = [augment.augmented_sketch(sketch, np.random.default_rng(seed)) for seed in range(40)]
    assert all(result.shape == sketch.shape and result.dtype == np.uint8 for result in results)
    assert all(result.max() <= MAX_LABEL for result in results)
    changed = [np.mean(result != sketch) for result in results]
    assert sum(change > 0 for change in changed) > 30
    # Never so much that the drawing is lost: more than half of the drawn pixels have drawn pixels nearby.
    assert min(np.count_nonzero(result) for result in results) > np.count_nonzero(sketch) / 2


def test_augmentation_never_takes_glasses_away_entirely() -> None:
    sketch = np.zeros((256, 256), np.uint8)
    sketch[100:140:4, 60:190] = 3
    for seed in range(60):
        assert (augment.augmented_sketch(sketch, np.random.default_rng(seed)) == 3).sum() > 300


def test_sketch_and_picture_move_together() -> None:
    sketch = np.zeros((256, 256), np.uint8)
    sketch[120:136, 80:96] = 7
    picture = np.zeros((256, 256, 3), np.uint8)
    picture[120:136, 80:96] = 200
    parts = np.zeros((128, 128), np.uint8)
    parts[60:68, 40:48] = 12
    shifts = set()
    for seed in range(6):
        rng = np.random.default_rng(seed)
        moved, colours, part_map, (right, down) = augment.moved_together(sketch, picture, parts, rng)
        assert np.array_equal(colours[..., 0] == 200, moved == 7)  # nothing blurred
        assert np.array_equal(part_map == 12, moved[::2, ::2] == 7)
        assert np.argwhere(moved == 7).mean(0) == pytest.approx([127.5 + down, 87.5 + right])
        shifts.add((right, down))
    assert len(shifts) > 3


def test_a_reference_is_photographed_with_its_colours_nearly_kept(data: Path) -> None:
    picture = np.asarray(open_shards(data, TRAINING)[0].pictures[0])
    for seed in range(12):
        photo = augment.photographed(picture, np.random.default_rng(seed))
        assert photo.shape == picture.shape
        assert photo.dtype == np.uint8
        assert np.abs(photo.mean((0, 1)) - picture.mean((0, 1))).max() < 20
    assert any(
        not np.array_equal(augment.photographed(picture, np.random.default_rng(seed)), picture)
        for seed in range(3)
    )


def test_a_colour_table_recolours_each_channel_by_its_own_row() -> None:
    table = augment.colour_table(np.random.default_rng(2))
    ramp = np.repeat(np.arange(256, dtype=np.uint8)[:, None, None], 3, axis=2)
    assert np.array_equal(augment.recoloured(ramp, table)[:, 0], table.T)
    assert (np.diff(table.astype(int), axis=1) >= 0).all()


def test_a_recoloured_picture_is_described_as_it_is_now() -> None:
    look = portraits.sample_appearance(np.random.default_rng(3))
    table = augment.colour_table(np.random.default_rng(2))
    described = recoloured_appearance(appearance_vector(look), table)
    names = np.array(appearance_vector_names())
    for name in sorted({name for name in names if (names == name).sum() == 3}):
        as_picture = np.rint(np.array([[getattr(look, name)]]) * 255.0).astype(np.uint8)
        expected = augment.recoloured(as_picture, table)[0, 0] / 255.0
        np.testing.assert_allclose(described[names == name], expected, atol=0.006, err_msg=name)
    others = np.array([(names == name).sum() == 1 for name in names])
    assert np.array_equal(described[others], appearance_vector(look)[others])


def test_batches_depend_on_seed_rank_and_step_alone(data: Path) -> None:
    def source(rank: int) -> BatchSource:
        return BatchSource(data, 2, 16, seed=3, rank=rank, names=geometry_vector_names())

    first, again = source(0).batch(7), source(0).batch(7)
    assert torch.equal(first.sketches, again.sketches)
    assert torch.equal(first.references, again.references)
    assert torch.equal(first.latents, again.latents)
    assert not torch.equal(first.sketches, source(1).batch(7).sketches)
    assert not torch.equal(first.sketches, source(0).batch(8).sketches)
    assert first.sketches.shape == (2, 256, 256)
    assert first.references.shape == (2, 3, 256, 256)
    assert first.targets.shape == (2, 3, 256, 256)


def test_further_data_sets_are_learnt_from_and_scaled_as_the_first(data: Path, tmp_path: Path) -> None:
    draw_shard(shard_folder(tmp_path, TRAINING, 0), seed=6, split=TRAINING, index=0, groups=1)
    alone = BatchSource(data, 8, 16, seed=3, rank=0, names=geometry_vector_names())
    source = BatchSource(data, 8, 16, seed=3, rank=0, names=geometry_vector_names(), more=(tmp_path,))
    assert (alone.pictures, source.pictures) == (8, 12)
    assert torch.equal(source.described()[1], alone.described()[1])
    shard = open_shards(tmp_path, TRAINING)[0]
    as_drawn, as_mirrored = _described(alone, shard)
    known = [*as_drawn, *as_mirrored]
    described = [row for step in range(4) for row in source.batch(step, recoloured=False).appearance]
    new = [row for row in described if any(torch.equal(row, one) for one in known)]
    assert 0 < len(new) < len(described)


def test_portraits_come_with_the_descriptions_that_they_were_drawn_from(data: Path) -> None:
    source = BatchSource(data, 6, 16, seed=3, rank=0, names=geometry_vector_names())
    shard = open_shards(data, TRAINING)[0]
    geometry, appearance = source.standardised(np.asarray(shard.geometry), np.asarray(shard.appearance))
    assert geometry.abs().max() <= 4.0
    still = 0
    for step in range(4):
        portraits = source.portraits(step)
        for picture, described in zip(portraits.targets, portraits.appearance, strict=True):
            rows = [row for row in range(8) if torch.equal(appearance[row], described)]
            drawn = torch.from_numpy(np.asarray(shard.pictures[rows])).permute(0, 3, 1, 2)
            for row, original in zip(rows, drawn, strict=True):
                if torch.equal(original, picture):
                    still += 1
                    match = (portraits.geometry - geometry[row]).abs().sum(1).min()
                    assert float(match) == pytest.approx(0.0, abs=1e-4)
    assert still > 0


def test_pairs_that_keep_their_colours_keep_their_descriptions(data: Path) -> None:
    """The teacher is told the appearance that the reference shows: no recolouring, whatever the step."""
    source = BatchSource(data, 4, 16, seed=3, rank=0, names=geometry_vector_names())
    shard = open_shards(data, TRAINING)[0]
    as_drawn, as_mirrored = _described(source, shard)
    means = np.asarray(shard.pictures).mean((1, 2))
    for step in range(4):
        batch = source.batch(step, recoloured=False)
        for target, appearance in zip(batch.targets, batch.appearance, strict=True):
            rows = [
                row
                for row in range(8)
                if torch.equal(as_drawn[row], appearance) or torch.equal(as_mirrored[row], appearance)
            ]
            distance = np.abs(means[rows] - target.float().mean((1, 2)).numpy()).max(1).min()
            assert distance < 12.0


def test_batches_say_which_references_hide_what_their_targets_show(data: Path) -> None:
    source = BatchSource(data, 4, 16, seed=3, rank=0, names=geometry_vector_names())
    shard = open_shards(data, TRAINING)[0]

    def row_of(one: np.ndarray, rows: np.ndarray) -> int | None:
        """Which of these it is, as drawn or mirrored; none if it was changed."""
        return next(
            (
                row
                for row in range(8)
                for drawn in (rows[row], rows[row, :, ::-1])
                if np.array_equal(one, drawn)
            ),
            None,
        )

    found = []
    for step in range(8):
        batch = source.batch(step, recoloured=False)
        for reference, part_map, shown in zip(batch.references, batch.parts, batch.shown, strict=True):
            drawn_with = row_of(reference.permute(1, 2, 0).numpy(), np.asarray(shard.pictures))
            target = row_of(part_map.numpy(), np.asarray(shard.parts))
            if drawn_with is not None and target is not None:
                assert bool(shown) == reference_shows(shard.parts[drawn_with], shard.parts[target])
                found.append(bool(shown))
    assert {True, False} == set(found)


def test_the_prefetcher_delivers_steps_in_order_and_hands_errors_over(data: Path) -> None:
    source = BatchSource(data, 1, 16, seed=3, rank=0, names=geometry_vector_names())
    prefetcher = Prefetcher(source, source.batch, first=4)
    for step in (4, 5):
        assert torch.equal(prefetcher.next().sketches, source.batch(step).sketches)
    prefetcher.stop()

    def broken(step: int) -> None:
        raise OSError(f"no step {step}")

    failing = Prefetcher(source, broken, first=0)
    with pytest.raises(OSError, match="no step 0"):
        failing.next()
    failing.stop()


def test_latents_are_standard_normal_and_tell_appearances_apart() -> None:
    rng = np.random.default_rng(0)
    samples = rng.uniform(0.2, 0.8, (800, 5)).astype(np.float32)
    samples[:, 4] = samples[:, 3]  # a value that says nothing new
    latents = AppearanceLatents(samples, width=24)
    drawn = np.stack([latents(vector, rng) for vector in samples])
    assert np.abs(drawn.mean(0)).max() < 0.2
    assert drawn.std(0) == pytest.approx(np.ones(24), abs=0.15)
    same = np.stack([latents(samples[0], rng) for _ in range(50)]).mean(0)
    other = np.stack([latents(samples[1], rng) for _ in range(50)]).mean(0)
    assert np.linalg.norm(same - other) > 1.0


def test_a_latent_means_the_same_appearance_in_every_run(data: Path) -> None:
    """What a mapping network learnt in one run holds in the next that goes on from it."""

    def between_both_appearances(seed: int) -> torch.Tensor:
        source = BatchSource(data, 4, 16, seed, 0, geometry_vector_names())
        batches = [source.batch(step, recoloured=False) for step in range(40)]
        latents = torch.cat([batch.latents for batch in batches])
        is_first = torch.cat([batch.appearance[:, 0] for batch in batches]) > 0
        difference = latents[is_first].mean(0) - latents[~is_first].mean(0)
        return difference / difference.norm()

    assert torch.dot(between_both_appearances(1), between_both_appearances(2)) > 0.7


def test_half_of_the_targets_are_chosen_for_what_is_rare(data: Path) -> None:
    names = geometry_vector_names()
    entries = [names.index(name) for name in RARE_ENTRIES]
    geometry = np.asarray(open_shards(data, TRAINING)[0].geometry)
    having = geometry[:, entries] > 0
    assert 0 < having.any(1).sum() < len(geometry)  # or nothing is tried here
    at_random = having.mean(0)
    chosen_for_each = np.array(
        [having[having[:, k]].mean(0) if having[:, k].any() else at_random for k in range(3)]
    )
    expected = (1 - RARE) * at_random + RARE * chosen_for_each.mean(0)
    source = BatchSource(data, 16, 16, 0, 0, names)
    batches = torch.cat([source.batch(step, recoloured=False).geometry for step in range(12)])
    standard, _ = source.standardised(geometry, np.asarray(open_shards(data, TRAINING)[0].appearance))
    for column, entry in enumerate(entries):
        if having[:, column].any() and not having[:, column].all():
            without = float(standard[~having[:, column], entry].max())
            found = (batches[:, entry] > without + 1e-3).float().mean()
            assert float(found) == pytest.approx(expected[column], abs=0.12)
