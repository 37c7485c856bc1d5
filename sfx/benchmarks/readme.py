"""The speed tables of README.md, written from committed reports of `sfx bench`: `make figures`.

`python -m sfx.benchmarks.readme`, in the checkout's root, puts them between the README's two markers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from sfx.benchmarks.compare import read_report
from sfx.config import PREVIEWS
from sfx.errors import InputError
from sfx.runtime.pictures import write_text

README = Path("README.md")
REPORTS = (
    ("The demo model", Path("docs/figures.json")),
    ("The published size", Path("docs/figures_full.json")),
    ("The published size, calibrated to INT8", Path("docs/figures_int8.json")),
)
"""What is measured, and the report of it; one that is not there has no table."""
BEGIN, END = "<!-- figures: written by make figures -->", "<!-- end of figures -->"

Report = Mapping[str, Any]


def tables(root: Path = Path()) -> str:
    """What stands between the markers, from the reports under `root`. Raises InputError for a damaged report."""
    found = [(title, root / path) for title, path in REPORTS if (root / path).is_file()]
    parts = []
    for title, path in found:
        report = read_report(path)
        try:
            parts.append("\n".join(_about(title, report)))
        except (KeyError, TypeError) as error:
            raise InputError(f"{path}: expected a report of this sfx bench, found none of {error}") from error
    return "\n\n".join(parts)


def with_tables(readme: str, block: str) -> str:
    """The README's text with `block` between the markers. Raises InputError where they are not there once each."""
    if readme.count(BEGIN) != 1 or readme.count(END) != 1 or readme.index(BEGIN) > readme.index(END):
        raise InputError(f"{README}: expected one '{BEGIN}' and, after it, one '{END}'")
    before, _, rest = readme.partition(BEGIN)
    return f"{before}{BEGIN}\n\n{block}\n\n{END}{rest.partition(END)[2]}"


def _about(title: str, report: Report) -> Iterator[str]:
    bundle, environment = report["bundle"], report["environment"]
    packages = environment["packages"]
    versions = [f"{name} {packages[name]}" for name in ("openvino", "torch") if name in packages]
    yield (
        f"**{title}, {bundle['output_size']} px**, {bundle['parameters'] / 1e6:.0f} M values, on {environment['cpu']}, "
        f"{environment['cores']} cores; Python {environment['python']}, {', '.join(versions)}. Medians of "
        f"{report['cases'][0]['total_ms']['n']} interleaved rounds:"
    )
    yield ""
    yield from _table(
        ("case", "median", "fastest to 90th percentile", "times as fast as the eager original (rounds)"),
        [_case(case, report["ratios"]) for case in report["cases"]],
    )
    yield ""
    shares = [share for share in report["shares_of_peak"] if _is_shown(share)]
    if shares:
        yield from _table(
            ("stage", "G multiply-adds", "GFLOP/s", "share of this machine's measured peak"),
            [_stage(share, report["multiply_adds"]) for share in shares],
        )
        yield ""
    yield " ".join(_remarks(report))


def _case(case: Mapping[str, Any], ratios: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    key = (case["name"], case["batch"], case["precision"])
    ratio = next((r for r in ratios if (r["name"], r["batch"], r["precision"]) == key), None)
    total = case["total_ms"]
    return (
        _title(case),
        f"{_ms(total['p50'])} ms",
        f"{_ms(total['min'])} to {_ms(total['p90'])} ms",
        f"{ratio['median']:.1f} ({ratio['min']:.1f} to {ratio['max']:.1f})" if ratio is not None else "",
    )


def _is_shown(share: Mapping[str, Any]) -> bool:
    """Each stage once: `first` has all of them but the previews."""
    return bool(share["batch"] == 1 and (share["name"] == "first" or share["stage"] in PREVIEWS))


def _stage(share: Mapping[str, Any], work: Mapping[str, int]) -> tuple[str, ...]:
    name = f"{share['stage']}, {share['precision']}"
    return name, f"{work[share['stage']] / 1e9:.2f}", f"{share['gflops']:.0f}", f"{share['share']:.2f}"


def _remarks(report: Report) -> Iterator[str]:
    for ceiling in report["ceilings"]:
        yield f"Peak in {ceiling['precision']}: {ceiling['gflops']:.0f} GFLOP/s, in a convolution."
    if report["bundle"]["int8_layers"]:
        yield (
            f"{report['bundle']['int8_layers']} layers in INT8, pictures at least "
            f"{report['bundle']['int8_psnr_db']:.1f} dB from FP32 when it was calibrated."
        )
    for quality in report["quality"]:
        yield (
            f"Pictures in {quality['precision']} are {quality['psnr_db']:.1f} dB from those in {quality['against']}."
        )
    folder = report["folder"]
    if folder is not None:
        rate = folder["faces"] / folder["seconds"]
        yield f"A folder of {folder['faces']} pairs: {rate:.1f} faces a second, files read and written."
    original = report["original_peak_rss_mb"]
    beside = "" if original is None else f", the eager original's {original:.0f} MB"
    yield (
        f"From process to first face: {report['cold_start_ms'] / 1e3:.1f} s, with compiled models kept from before; "
        f"that process takes {report['peak_rss_mb']:.0f} MB at its peak{beside}."
    )


def _title(case: Mapping[str, Any]) -> str:
    batch = f", batch {case['batch']}" if case["batch"] > 1 else ""
    return f"{case['name']}, {case['precision']}{batch}"


def _ms(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}"


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(headings)} |"
    yield "|---" * len(headings) + "|"
    for row in rows:
        yield f"| {' | '.join(row)} |"


def main() -> None:
    write_text(README, with_tables(README.read_text(encoding="utf-8"), tables()))


if __name__ == "__main__":
    main()
