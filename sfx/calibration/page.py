"""The report as pictures: FP32 | lowered | difference side by side, and a self-contained page with the sensitivity."""

from __future__ import annotations

import base64
import html
import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sfx.benchmarks.charts import Dot, dots
from sfx.calibration.calibrate import Result
from sfx.calibration.report import findings, label, precision_of
from sfx.runtime.pictures import shrink, write_text

Pixels = NDArray[np.uint8]

GAIN = 8
"""Of the difference in the picture: at 40 dB it is 2.5 levels of 255, which nobody would see."""
_SIDE = 256
"""Side of a face in the page."""
_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #1c2430; max-width: 62rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.5rem } h2 { font-size: 1.15rem; margin-top: 2.2rem } svg, img { max-width: 100% }
"""


def side_by_side(expected: Pixels, found: Pixels) -> Pixels:
    """A row a face (N, H, W, 3): FP32, lowered, and their difference times `GAIN` around grey."""
    difference = GAIN * (found.astype(np.int16) - expected.astype(np.int16)) + 128
    columns = (expected, found, np.clip(difference, 0, 255).astype(np.uint8))
    return np.concatenate([np.concatenate(list(column)) for column in columns], axis=1)


def write_html(result: Result, path: Path) -> None:
    """Write the page to `path`."""
    write_text(path, page(result))


def page(result: Result) -> str:
    """The page's text."""
    lines = "".join(f"<p>{html.escape(line)}</p>" for line in findings(result))
    budget = result.lowering.target_psnr_db
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>sfx calibrate</title>'
        f"<style>{_STYLE}</style></head><body>\n<h1>sfx calibrate</h1>\n{lines}\n"
        f"<h2>Neighbouring layers alone in INT8: how near the faces stay to FP32</h2>\n{_sensitivity(result)}\n"
        f"<p>The line stands at the budget of {budget:g} dB for all lowered layers together.</p>\n"
        f"<h2>FP32 | as calibrated | difference, {GAIN} times</h2>\n{_picture(result)}\n</body></html>\n"
    )


def _sensitivity(result: Result) -> str:
    rows = [Dot(label(damage), damage.psnr_db, precision_of(result, damage)) for damage in result.damages]
    return dots(rows, "dB", result.lowering.target_psnr_db)


def _picture(result: Result) -> str:
    side = min(_SIDE, result.expected.shape[1])
    expected, found = (
        np.stack([shrink(face, side) for face in faces]) for faces in (result.expected, result.found)
    )
    content = io.BytesIO()
    Image.fromarray(side_by_side(expected, found)).save(content, "PNG")
    encoded = base64.b64encode(content.getvalue()).decode()
    return f'<img alt="faces in FP32, as calibrated, and their difference" src="data:image/png;base64,{encoded}">'
