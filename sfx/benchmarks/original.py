"""One face by the original's form in a fresh process: its memory, beside that of `sfx.benchmarks.cold_start`.

`python -m sfx.benchmarks.original BUNDLE`, run by `sfx bench --peers`; prints its own peak memory as JSON. The weights
stand twice in memory while the networks take them, as in the original's script, which reads the whole checkpoint and
then copies from it.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from sfx.benchmarks.environment import peak_rss_mb
from sfx.benchmarks.peers import EAGER, original_form, original_runner
from sfx.engines.bundle import Bundle


def main(bundle: str) -> None:
    config = Bundle.open(Path(bundle)).manifest.model
    assert config is not None  # it was measured as a pipeline before
    original = original_form(config)
    checkpoint = {name: value.clone() for name, value in original.state.items()}
    for name, value in checkpoint.items():
        original.state[name].copy_(value)
    del checkpoint
    forms = (original.sketch_codes, original.appearance_codes, original.image)
    original_runner(EAGER, config, 1, *forms).run()
    print(json.dumps({"peak_rss_mb": peak_rss_mb()}))


if __name__ == "__main__":
    main(*sys.argv[1:])
