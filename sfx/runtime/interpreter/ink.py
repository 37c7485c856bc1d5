"""Telling ink from paper: an evenly lit or shaded page, any ink colour, dark on light or light on dark."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from sfx.errors import InputError
from sfx.runtime.interpreter.drawings import Picture
from sfx.runtime.interpreter.levels import Levels, bounds, maximum_5x5, quantile
from sfx.runtime.interpreter.rulings import without_rulings

BLOCK = 16
"""Side of the blocks over which paper is sampled, in working pixels."""

PEN_RADIUS = 12
"""Half the width of the widest pen told from shading on an unevenly lit page, in working pixels."""

PATCH_BLOCKS = 15
"""Width of the widest painted patch told from a table beside the paper on such a page, in blocks."""

MIN_INK = 24
"""Fewer pixels of ink than this are specks on a blank page: a line of 12 pixels, two wide."""

TABLE_RIM_SHARE = 0.25
"""A dark patch along a quarter of the picture's rim is the table that the sheet lies on."""

MAX_EVEN_NOISE = 6
"""More than this on an even page is a pale patch of colour."""

EVEN_SHARE = 0.7
"""More pixels than this of exactly the paper's level are no photo of paper; the densest edge maps leave 0.75."""

PAPER_LEVELS = 64
"""Contrast below which a pixel's level tells of the paper's noise."""

MAX_INK_SHARE = 0.3
"""More ink than this on an unevenly lit page is no drawing: a pen 14 pixels wide covers a fifth of it."""

MIN_PAPER_SHARE = 0.2
"""With less paper than this between ink and table, there is none."""

SHADED_LEVEL = 12
"""Contrast to the usual paper above which a small area is a shade."""

MAX_USUAL_LEVEL = 24
"""Highest contrast that the paper's own noise gives it."""

MAX_SHADED_SHARE = 0.025
"""Largest share of shades on a sheet of paper; see `_shows_a_scene`."""

EIGHT_NEIGHBOURS = np.ones((3, 3), np.int8)


@dataclass(frozen=True, eq=False)
class Contrast:
    """How far each pixel stands out from the paper around it: uint8 (h, w), 0 paper.

    `even` says that the page has one colour, as drawing programs and good scans have it.
    """

    levels: Levels
    even: bool


def find_ink(picture: Picture) -> NDArray[np.bool_]:
    """The ink of a drawing: bool (h, w) at the working size, True on ink.

    Raises InputError for a blank page and for a photograph of a scene.
    """
    contrast = measure_contrast(picture.pixels)
    levels = without_rulings(contrast.levels)
    ink = threshold(levels, contrast.even, picture.reduction)
    if not contrast.even:
        table = _table(ink)
        ink &= ~table
        if _shows_a_scene(levels, ink, table):
            raise InputError(f"{picture.name}: expected a line drawing, found what looks like a photograph")
    if ink.sum() < MIN_INK:
        raise InputError(f"{picture.name}: expected a line drawing, found a blank page")
    return ink


def measure_contrast(pixels: NDArray[np.uint8]) -> Contrast:
    """Contrast to the paper of a picture uint8 (h, w) or (h, w, 3), over all channels and both polarities."""
    channels = [pixels] if pixels.ndim == 2 else [pixels[:, :, i] for i in range(3)]
    channels = [np.ascontiguousarray(channel) for channel in channels]
    if all(np.array_equal(channels[0], channel) for channel in channels[1:]):
        channels = channels[:1]
    paper = [_paper_level(channel) for channel in channels]
    even = all(_is_even(channel, level) for channel, level in zip(channels, paper, strict=True))
    if even:
        parts = [_difference(channel, level) for channel, level in zip(channels, paper, strict=True)]
    else:
        if _ink_is_light(channels[len(channels) // 2]):
            channels = [255 - channel for channel in channels]
        parts = [_contrast_to_surroundings(channel) for channel in channels]
    # Yellow ink shows in the blue channel alone, and red ink on black in the red one.
    levels = parts[0]
    for part in parts[1:]:
        levels = np.maximum(levels, part)
    return Contrast(levels, even)


def _paper_level(channel: Levels) -> int:
    """The commonest level, the page's rim counting as much as the rest of it."""
    inside = np.bincount(channel.ravel(), minlength=256) / channel.size
    rim = np.concatenate(
        [channel[:4].ravel(), channel[-4:].ravel(), channel[:, :4].ravel(), channel[:, -4:].ravel()]
    )
    shares = inside + np.bincount(rim, minlength=256) / rim.size
    # Looked for over a window of 9 levels, so that a page with noise is not split.
    middle = int(np.argmax(np.convolve(shares, np.ones(9), "same")))
    first = max(0, middle - 4)
    return first + int(np.argmax(shares[first : middle + 5]))


def _difference(channel: Levels, level: int) -> Levels:
    other = np.uint8(level)
    return np.maximum(channel, other) - np.minimum(channel, other)


def _blocks(channel: Levels) -> NDArray[np.uint8]:
    """A channel's blocks as (rows, columns, BLOCK * BLOCK), its rim repeated to fill the last ones."""
    height, width = channel.shape
    padded = np.pad(channel, ((0, -height % BLOCK), (0, -width % BLOCK)), "edge")
    rows, columns = padded.shape[0] // BLOCK, padded.shape[1] // BLOCK
    split = padded.reshape(rows, BLOCK, columns, BLOCK).transpose(0, 2, 1, 3)
    return split.reshape(rows, columns, BLOCK * BLOCK)


def _is_even(channel: Levels, paper: int) -> bool:
    """Whether hardly any block is a shade of the paper: each shows the paper somewhere, or is solid ink.

    Dense strands on a small page leave blocks without paper, but most of the page is then of exactly its level.
    """
    if (channel == paper).mean() > EVEN_SHARE:
        return True
    darkest, lightest = np.percentile(_blocks(channel)[:, :, ::2], [10, 90], axis=2)
    distance = np.minimum(np.abs(darkest - paper), np.abs(lightest - paper))
    shaded = (distance > 6) & (distance < 90)
    return bool(shaded.mean() < 0.03) and bool((distance <= 6).mean() > 0.4)


def _ink_is_light(channel: Levels) -> bool:
    """Whether the page's thin details are lighter than what surrounds them.

    Compares what a closing fills in with what an opening takes away; the step from one shade to another,
    as at the edge of a sheet, is neither. First for thin pens, since the paper between dense lines is thin too.
    """
    half = np.asarray(Image.fromarray(channel).reduce(2))
    dark = light = 0.0
    for size in (5, PEN_RADIUS + 1):
        filled = ndimage.grey_closing(half, size=(size, size)) - half
        taken = half - ndimage.grey_opening(half, size=(size, size))
        dark = float(np.square(filled, dtype=np.float32).sum())
        light = float(np.square(taken, dtype=np.float32).sum())
        if max(dark, light) > 1.5 * min(dark, light):
            break
    return light > dark


def _contrast_to_surroundings(channel: Levels) -> Levels:
    """1 - level / paper, as 0..255, for dark ink on paper whose lighting changes.

    The paper is a grey closing: it fills strokes in and follows the edge of a shadow to the pixel. Where that
    finds a patch wider than a pen and darker than any shadow, the paper around the patch stands in.
    """
    size = (channel.shape[1], channel.shape[0])
    half = np.asarray(Image.fromarray(channel).reduce(2))
    # The page goes on beyond its rim as it is there, or light that falls off towards it would be filled in.
    margin = PEN_RADIUS + 1
    # A closing finds the largest of some hundred pixels, which would be far above noisy paper.
    padded = np.pad(ndimage.gaussian_filter(half, 1.0), margin, "edge")
    closed = ndimage.grey_closing(padded, size=(margin, margin))[margin:-margin, margin:-margin]
    closed = np.asarray(Image.fromarray(closed).resize(size, Image.Resampling.BILINEAR), np.float32)
    bright = np.percentile(_blocks(channel), 85, axis=2)
    coarse = ndimage.median_filter(bright, size=3).astype(np.float32)
    coarse = ndimage.grey_closing(coarse, size=(PATCH_BLOCKS, PATCH_BLOCKS), mode="nearest")
    everywhere = np.asarray(Image.fromarray(coarse).resize(size, Image.Resampling.BILINEAR))
    paper = np.where(closed < 0.5 * everywhere, everywhere, closed)
    paper = ndimage.uniform_filter(paper, 5)
    relative = 1.0 - channel / np.maximum(paper, 1.0)
    return np.asarray(np.clip(relative * 255.0, 0, 255), np.uint8)


def threshold(levels: Levels, even: bool, reduction: float) -> NDArray[np.bool_]:
    """Ink by hysteresis: bool (h, w). `reduction` is the source's pixels per working pixel.

    Both thresholds stand above the page's noise and are shares of the darkest ink's contrast; they are lower
    where a line one source pixel wide was averaged down. A pixel beside much stronger ink is its blur.
    """
    counts = np.bincount(levels.ravel(), minlength=256)
    # Paper is near 0, and what is not may be most of the page.
    paper = counts[:PAPER_LEVELS]
    centre = quantile(paper, 0.5)
    # One standard deviation above the middle; below it, levels end at 0.
    noise = quantile(paper, 0.84) - centre
    if even:
        noise = min(noise, MAX_EVEN_NOISE)
    visible = np.where(np.arange(256) > max(16.0, centre + 6 * noise), counts, 0)
    if visible.sum() < MIN_INK:
        return np.zeros(levels.shape, np.bool_)
    ink_level = quantile(visible, 0.95)
    thin = min(1.0, 1.5 / reduction)
    low_share, high_share = (0.12, 0.2) if even else (0.25, 0.4)
    low = max(centre + 3.5 * noise, low_share * thin * ink_level, 6.0)
    high = max(centre + 6.0 * noise, high_share * thin * ink_level, 12.0)
    page = np.zeros(levels.shape, np.bool_)
    box = bounds(levels >= low, 2)
    levels = levels[box]
    around = maximum_5x5(levels)
    candidates = levels >= np.maximum(around // 20 * 9, np.uint8(low))
    candidates |= _ridges(levels) & (levels >= np.maximum(around // 4, np.uint8(low)))
    parts, count = ndimage.label(candidates, EIGHT_NEIGHBOURS)
    kept = np.zeros(count + 1, np.bool_)
    kept[parts[levels >= high]] = True
    kept[0] = False
    # A speck: on an even page two pixels, on a noisy one what is less than a short dash of the pen.
    areas = np.bincount(parts.ravel(), minlength=count + 1)
    kept &= areas > (2 if even else 12)
    page[box] = kept[parts]
    return page


def _ridges(levels: Levels) -> NDArray[np.bool_]:
    """Pixels that drop by a third two pixels away on both sides, in any of four directions.

    Such a pixel is the middle of a thin line, however uneven the anti-aliasing made the line's strength.
    """
    height, width = levels.shape
    padded = np.pad(levels, 2)
    limit = levels // 3 * 2
    ridges = np.zeros(levels.shape, np.bool_)
    for down, right in ((0, 2), (2, 0), (2, 2), (2, -2)):
        ahead = padded[2 + down : 2 + down + height, 2 + right : 2 + right + width]
        behind = padded[2 - down : 2 - down + height, 2 - right : 2 - right + width]
        ridges |= np.maximum(ahead, behind) < limit
    return ridges


def _table(ink: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The dark table around a photographed sheet, bool (h, w): a wide dark patch along much of the rim."""
    none = np.zeros_like(ink)
    around = np.pad(ink, PEN_RADIUS, "edge")
    depth = ndimage.distance_transform_cdt(np.pad(around, 1), metric="chessboard")[1:-1, 1:-1]
    wide, count = ndimage.label(depth > PEN_RADIUS)
    wide = wide[PEN_RADIUS:-PEN_RADIUS, PEN_RADIUS:-PEN_RADIUS]
    rim = np.concatenate([wide[0], wide[-1], wide[:, 0], wide[:, -1]])
    shares = np.bincount(rim, minlength=count + 1) / rim.size
    shares[0] = 0.0
    if shares[1:].sum() < TABLE_RIM_SHARE:
        return none
    table = (shares > 0)[wide]
    # Beyond the patch's own edge lies the sheet's, with its shadow.
    reach = 2 * PEN_RADIUS + 9
    return np.asarray(ndimage.grey_dilation(table.view(np.uint8), size=(reach, reach)) > 0)


def _shows_a_scene(levels: Levels, ink: NDArray[np.bool_], table: NDArray[np.bool_]) -> bool:
    """Whether an unevenly lit picture is full of shades, as a photograph of a scene is, and not of paper.

    Shades are what is darker than paper over 5 x 5 pixels, more than 2 pixels from all ink: 3 % and more of
    eighteen photographs tried, under 0.2 % of photographed sheets, with noise of 5 % of full scale too.
    """
    if ink.mean() > MAX_INK_SHARE:
        return True
    paper = ~ndimage.binary_dilation(ink | table, np.ones((5, 5), np.bool_))
    if paper.mean() < MIN_PAPER_SHARE:
        return True
    usual = min(float(np.median(levels[paper])), MAX_USUAL_LEVEL)
    shades = ndimage.uniform_filter(levels, 5)[paper] > usual + SHADED_LEVEL
    return float(shades.mean()) > MAX_SHADED_SHARE
