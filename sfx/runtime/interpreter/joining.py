"""Joining chains of a skeleton where a pen went straight on: through junctions, and across small gaps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from sfx.runtime.interpreter.skeleton import SkeletonGraph

Points = NDArray[np.float64]

TANGENT_REACH = 9
"""Pixels along a chain over which the direction of its end is measured."""

MAX_TURN = np.cos(np.radians(50.0))
"""A line goes straight on through a junction where it turns by less than 50 degrees."""

MAX_GAP = 4.2
"""Widest gap closed between two ends that face each other, in pixels; see `_bridgeable`."""


@dataclass(frozen=True, eq=False)
class PixelPath:
    """A stroke as indices into a graph's pixels; a closed one does not repeat its first index."""

    indices: NDArray[np.int64]
    closed: bool


def join_chains(graph: SkeletonGraph, points: Points) -> list[PixelPath]:
    """Join a graph's chains to strokes; `points` float (n, 2) is where its pixels lie, to sub-pixels."""
    chains = graph.chains
    rings = [_is_ring(graph, chain) for chain in chains]
    tips, outward = _ends(graph, points)
    partner: dict[int, int] = {}
    _pair_at_junctions(graph, tips, outward, partner)
    _pair_across_gaps(graph, points, tips, outward, partner)
    crossings = {(int(chain[0]), int(chain[-1])): chain for chain in graph.bridges}
    crossings |= {(last, first): chain[::-1] for (first, last), chain in list(crossings.items())}

    used = [False] * len(chains)
    crossed: set[tuple[int, int]] = set()

    def follow(end: int) -> PixelPath:
        """Collect chains from `end`'s chain on, entering it at `end`, until nothing follows."""
        parts: list[NDArray[np.int64]] = []
        entry = end
        while True:
            chain_number, at_last = divmod(entry, 2)
            used[chain_number] = True
            chain = chains[chain_number]
            parts.append(chain[::-1] if at_last else chain)
            leave = entry ^ 1
            following = partner.get(leave)
            if following is None:
                return PixelPath(_without_repeats(np.concatenate(parts)), closed=False)
            gate = (int(tips[leave]), int(tips[following]))
            if gate in crossings:
                parts.append(crossings[gate])
                crossed.update((gate, gate[::-1]))
            if following == end:
                indices = _without_repeats(np.concatenate(parts))
                return PixelPath(indices[:-1] if indices[0] == indices[-1] else indices, closed=True)
            entry = following

    paths = [PixelPath(chain[:-1], closed=True) for chain, ring in zip(chains, rings, strict=True) if ring]
    for number, ring in enumerate(rings):
        used[number] = ring
    open_ends = [end for end in range(2 * len(chains)) if end not in partner]
    for end in [*open_ends, *range(0, 2 * len(chains), 2)]:
        if not used[end // 2]:
            paths.append(follow(end))
    # A bridge that no stroke went over still stands for ink, unless its ends all but touch.
    paths += [
        PixelPath(chain, closed=False)
        for gate, chain in crossings.items()
        if gate[0] < gate[1] and gate not in crossed and len(chain) > 4
    ]
    return paths


def _is_ring(graph: SkeletonGraph, chain: NDArray[np.int64]) -> bool:
    return bool(chain[0] == chain[-1] and graph.node_of[chain[0]] < 0)


def _without_repeats(indices: NDArray[np.int64]) -> NDArray[np.int64]:
    changes = np.concatenate([[True], indices[1:] != indices[:-1]])
    return np.asarray(indices[changes])


def _ends(graph: SkeletonGraph, points: Points) -> tuple[NDArray[np.int64], Points]:
    """The ends of all chains, number 2c the first and 2c + 1 the last of chain c.

    Returns the pixel of each end, int64 (2c,), and the unit direction in which its line points beyond that
    end, float64 (2c, 2). Next to a junction the skeleton bends by up to the pen's half width; that part is
    left out where the chain is long enough.
    """
    if not graph.chains:
        return np.zeros(0, np.int64), np.zeros((0, 2))
    lengths = np.array([len(chain) for chain in graph.chains])
    flat = np.concatenate(graph.chains)
    starts = np.cumsum(lengths) - lengths
    first = starts
    last = starts + lengths - 1
    tips = np.stack([flat[first], flat[last]], axis=1).ravel()
    bent = np.where(graph.node_of[tips] >= 0, graph.depth[tips], 0.0).reshape(-1, 2)
    skip = np.minimum(bent.astype(np.int64), (lengths // 3)[:, None])
    far = np.minimum(skip + TANGENT_REACH, (lengths - 1)[:, None])
    near_points = points[flat[np.stack([first + skip[:, 0], last - skip[:, 1]], axis=1)]]
    far_points = points[flat[np.stack([first + far[:, 0], last - far[:, 1]], axis=1)]]
    outward = (near_points - far_points).reshape(-1, 2)
    norms = np.hypot(outward[:, 0], outward[:, 1])
    return tips, outward / np.maximum(norms, 1e-9)[:, None]


def _pair_at_junctions(
    graph: SkeletonGraph, tips: NDArray[np.int64], outward: Points, partner: dict[int, int]
) -> None:
    """At every junction, pair the two ends that continue each other best, then the next two."""
    meeting: dict[int, list[int]] = {}
    for end, node in enumerate(graph.node_of[tips].tolist()):
        if node >= 0:
            meeting.setdefault(node, []).append(end)
    directions = outward.tolist()
    for ends in meeting.values():
        candidates = []
        for position, one in enumerate(ends):
            x, y = directions[one]
            for other in ends[position + 1 :]:
                straightness = -(x * directions[other][0] + y * directions[other][1])
                if straightness > MAX_TURN or len(ends) == 2:
                    candidates.append((straightness, one, other))
        for _, one, other in sorted(candidates, reverse=True):
            if one not in partner and other not in partner:
                partner[one], partner[other] = other, one


def _pair_across_gaps(
    graph: SkeletonGraph, points: Points, tips: NDArray[np.int64], outward: Points, partner: dict[int, int]
) -> None:
    """Pair free ends that lie within MAX_GAP and point at each other, the nearest first."""
    rings = np.repeat([_is_ring(graph, chain) for chain in graph.chains], 2)
    free = np.flatnonzero((graph.node_of[tips] < 0) & ~rings.astype(bool))
    if len(free) < 2:
        return
    pairs = free[cKDTree(graph.pixels[tips[free]]).query_pairs(MAX_GAP, output_type="ndarray")]
    one, other = pairs[:, 0], pairs[:, 1]
    gap = points[tips[other]] - points[tips[one]]
    width = np.maximum(np.hypot(gap[:, 0], gap[:, 1]), 1e-9)
    straight = -(outward[one] * outward[other]).sum(axis=1)
    # Over two pixels or less, the gap's own direction says nothing.
    towards = np.where(width > 2.0, (outward[one] * gap).sum(axis=1) / width, 1.0)
    back = np.where(width > 2.0, -(outward[other] * gap).sum(axis=1) / width, 1.0)
    good = np.minimum(np.minimum(towards, back), straight) > MAX_TURN
    good &= _bridgeable(graph.pixels[tips[other]] - graph.pixels[tips[one]])
    for index in np.argsort(width).tolist():
        first, second = int(one[index]), int(other[index])
        # A short dash that bends is no loop.
        possible = first // 2 != second // 2 or len(graph.chains[first // 2]) > 3 * MAX_GAP
        if good[index] and possible and first not in partner and second not in partner:
            partner[first], partner[second] = second, first


def _bridgeable(steps: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Whether a straight line over whole pixels, (n, 2), stays within 2 pixels of its ends, smoothed as well."""
    longer, shorter = np.abs(steps).max(axis=1), np.abs(steps).min(axis=1)
    return np.asarray((longer <= 4) & (longer + shorter <= 5))
