"""From ink to a graph of one-pixel chains between line ends and junctions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components
from skimage.morphology import skeletonize

Mask = NDArray[np.bool_]

MIN_SPUR = 2.0
"""Longest whisker that is taken for the pen's roughness on the thinnest line, in pixels."""


@dataclass(frozen=True, eq=False)
class SkeletonGraph:
    """Chains of skeleton pixels that meet in nodes.

    pixels: int32 (n, 2), (x, y) of every skeleton pixel; depth: float32 (n,), its distance to paper.
    chains: pixel indices in order, int64 (>= 2,), from one end or junction to the next, both included;
        a ring that meets nothing starts and ends with the same pixel.
    bridges: chains between forks of one junction, inside the crossing of two lines.
    dots: pixels with no neighbour at all.
    node_of: int64 (n,): forks that belong to one junction share a number; -1 for all other pixels.
    """

    pixels: NDArray[np.int32]
    depth: NDArray[np.float32]
    chains: list[NDArray[np.int64]]
    bridges: list[NDArray[np.int64]]
    dots: NDArray[np.int64]
    node_of: NDArray[np.int64]


def skeleton_graph(ink: Mask, ink_depth: NDArray[np.int32]) -> SkeletonGraph:
    """Thin ink bool (h, w) to one-pixel lines and trace them, whiskers shorter than the pen is wide left out.

    `ink_depth` int32 (h, w) is every ink pixel's distance to paper.
    """
    thinned = skeletonize(_without_pinholes(ink))
    rows, columns = np.nonzero(thinned)
    pixels = np.stack([columns, rows], axis=1).astype(np.int32)
    depth = ink_depth[rows, columns].astype(np.float32)
    links = _neighbour_pairs(thinned)
    traced, dots = _trace(links, len(pixels))
    keep = _without_whiskers(traced, links, depth)
    if not keep.all():
        renumbered = np.cumsum(keep) - 1
        links = renumbered[links[keep[links].all(axis=1)]]
        pixels, depth = pixels[keep], depth[keep]
        traced, dots = _trace(links, len(pixels))
    forks = np.bincount(links.ravel(), minlength=len(pixels)) > 2
    chains, bridges = _split_off_bridges(traced, forks, depth)
    return SkeletonGraph(pixels, depth, chains, bridges, dots, _number_junctions(bridges, forks))


def _without_pinholes(ink: Mask) -> Mask:
    """Fill paper pixels with ink on all four sides, which would turn into rings of four pixels."""
    padded = np.pad(ink, 1)
    return ink | (padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:])


def _neighbour_pairs(thinned: Mask) -> NDArray[np.int64]:
    """Pairs of touching pixels, int64 (m, 2): sides, and corners where no side leads the same way round.

    This mixed adjacency gives a pixel inside a line exactly two neighbours, also on the line's steps.
    """
    index = np.zeros(thinned.shape, np.int64)
    index[thinned] = np.arange(np.count_nonzero(thinned))
    right = thinned[:, :-1] & thinned[:, 1:]
    below = thinned[:-1] & thinned[1:]
    falling = thinned[:-1, :-1] & thinned[1:, 1:] & ~thinned[:-1, 1:] & ~thinned[1:, :-1]
    rising = thinned[1:, :-1] & thinned[:-1, 1:] & ~thinned[:-1, :-1] & ~thinned[1:, 1:]
    pairs = (
        (index[:, :-1][right], index[:, 1:][right]),
        (index[:-1][below], index[1:][below]),
        (index[:-1, :-1][falling], index[1:, 1:][falling]),
        (index[1:, :-1][rising], index[:-1, 1:][rising]),
    )
    return np.concatenate([np.stack(pair, axis=1) for pair in pairs])


def _trace(links: NDArray[np.int64], count: int) -> tuple[list[NDArray[np.int64]], NDArray[np.int64]]:
    """Walk the pixels' links: every chain from node to node, then the rings; and the pixels without links."""
    degree = np.bincount(links.ravel(), minlength=count)
    ends = np.concatenate([links, links[:, ::-1]])
    ends = ends[np.argsort(ends[:, 0], kind="stable")]
    starts = np.concatenate([[0], np.cumsum(degree)]).tolist()
    neighbours = ends[:, 1].tolist()
    inner = (degree == 2).tolist()
    seen = [False] * count
    chains: list[NDArray[np.int64]] = []

    def walk(start: int, step: int) -> None:
        chain = [start, step]
        previous, here = start, step
        while inner[here] and not seen[here]:
            seen[here] = True
            first = neighbours[starts[here]]
            following = neighbours[starts[here] + 1] if first == previous else first
            previous, here = here, following
            chain.append(here)
        chains.append(np.array(chain, np.int64))

    for node in np.flatnonzero((degree != 2) & (degree > 0)).tolist():
        for step in neighbours[starts[node] : starts[node + 1]]:
            if inner[step]:
                if not seen[step]:
                    walk(node, step)
            elif node < step:
                walk(node, step)
    for pixel in np.flatnonzero(degree == 2).tolist():
        if not seen[pixel]:
            seen[pixel] = True
            walk(pixel, neighbours[starts[pixel]])
    return chains, np.flatnonzero(degree == 0)


def _without_whiskers(
    chains: list[NDArray[np.int64]], links: NDArray[np.int64], depth: NDArray[np.float32]
) -> Mask:
    """Pixels to keep: bool (n,). Whiskers that reach no further than their junction's own thickness go.

    Thinning leaves them where a thick pen's edge is rough. At a junction where all lines are that short,
    the longest stay.
    """
    keep = np.ones(len(depth), np.bool_)
    degree = np.bincount(links.ravel(), minlength=len(depth))
    longest = np.zeros(len(depth))
    for chain in chains:
        for end in (chain[0], chain[-1]):
            longest[end] = max(longest[end], len(chain))
    for chain in chains:
        if degree[chain[0]] == 1 and degree[chain[-1]] > 2:
            tip_to_junction = chain
        elif degree[chain[-1]] == 1 and degree[chain[0]] > 2:
            tip_to_junction = chain[::-1]
        else:
            continue
        junction = tip_to_junction[-1]
        reach = max(MIN_SPUR, float(depth[junction]))
        if len(chain) - 1 <= reach and len(chain) < longest[junction]:
            keep[tip_to_junction[:-1]] = False
    return keep


def _split_off_bridges(
    chains: list[NDArray[np.int64]], forks: Mask, depth: NDArray[np.float32]
) -> tuple[list[NDArray[np.int64]], list[NDArray[np.int64]]]:
    """The chains, and the bridges among them: chains between two forks nearer than the pen is wide.

    Two lines that cross under a thick pen leave two forks and a short bridge between them.
    """
    others: list[NDArray[np.int64]] = []
    bridges: list[NDArray[np.int64]] = []
    for chain in chains:
        reach = max(MIN_SPUR, 1.4 * float(depth[chain[len(chain) // 2]]))
        is_bridge = bool(forks[chain[0]] and forks[chain[-1]]) and len(chain) - 1 <= reach
        (bridges if is_bridge else others).append(chain)
    return others, bridges


def _number_junctions(bridges: list[NDArray[np.int64]], forks: Mask) -> NDArray[np.int64]:
    """A number for every fork, the same for forks that bridges connect; -1 for other pixels: int64 (n,)."""
    firsts = [chain[0] for chain in bridges]
    lasts = [chain[-1] for chain in bridges]
    joined = csr_array((np.ones(len(bridges), np.int8), (firsts, lasts)), shape=(len(forks), len(forks)))
    numbers = connected_components(joined, directed=False)[1].astype(np.int64)
    return np.where(forks, numbers, -1)
