"""One face in a fresh process, made as `sfx run` makes it.

`python -m sfx.benchmarks.cold_start BUNDLE BACKEND DEVICE PRECISION`, run by `sfx bench`, which times it from
outside; prints its own peak memory as JSON.
"""

from __future__ import annotations

import json
import sys

from sfx.benchmarks.environment import peak_rss_mb
from sfx.runtime.pipeline import Use, load
from sfx.samples import sample_appearance, sample_label_map


def main(bundle: str, backend: str, device: str, precision: str) -> None:
    with load(bundle, backend=backend, device=device, precision=precision) as pipeline:
        pipeline.expect(
            *(Use(graph, calls=1) for graph in ("appearance_encoder", "sketch_encoder", "synthesis"))
        )
        appearance_codes = pipeline.encode_appearance(sample_appearance())
        pipeline.draw(sample_label_map(size=pipeline.config.encoder_size), appearance_codes)
    print(json.dumps({"peak_rss_mb": peak_rss_mb()}))


if __name__ == "__main__":
    main(*sys.argv[1:])
