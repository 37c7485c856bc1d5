"""The command line: parse, make one library call, print. Everything heavy is imported inside a command."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sfx import __version__
from sfx.cli_bench import baseline, bench_options, bench_plan, measure
from sfx.cli_calibrate import calibrate_bundle, calibrate_options
from sfx.cli_compile import build_options, compile_options, compile_targets, expect_targets, telling
from sfx.cli_errors import OneLineErrorsGroup

if TYPE_CHECKING:
    from sfx.runtime.faces import Options

_PATH = click.Path(path_type=Path)


@click.group(cls=OneLineErrorsGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="sfx")
def main() -> None:
    """Sketch-to-face at drawing speed: export a model, run it, measure it."""


def _engine_options(command: Any) -> Any:
    """Options of every command that runs engines."""
    for option in (
        click.option(
            "--bundle",
            type=_PATH,
            help="Bundle to use [default: $SFX_BUNDLE, else ./engines, else the demo model].",
        ),
        click.option("--device", default="auto", show_default=True, help="auto, cpu or cuda[:N]."),
        click.option(
            "--backend",
            default="auto",
            show_default=True,
            help="auto, openvino, onnxruntime, tensorrt or tensorrt-rtx.",
        ),
        click.option(
            "--precision",
            default="auto",
            show_default=True,
            help="fp32, or bf16 on CPUs that have it [auto: fp32; compiled engines: as exported].",
        ),
    ):
        command = option(command)
    return command


@main.command()
@click.argument("checkpoint", type=_PATH)
@click.option(
    "--out", type=_PATH, default=Path("engines"), show_default=True, help="Directory of the bundle."
)
@click.option(
    "--precision",
    type=click.Choice(["fp32", "fp16"]),
    default="fp32",
    show_default=True,
    help="Of the convolutions on a GPU; a CPU computes either in fp32.",
)
@click.option(
    "--weights",
    type=click.Choice(["fp32", "fp16"]),
    default="fp32",
    show_default=True,
    help="How weights are stored; fp16 halves the bundle, computing stays as it is.",
)
@click.option(
    "--target",
    "targets",
    multiple=True,
    type=click.Choice(["onnx", "tensorrt", "tensorrt-rtx"]),
    help="Also compile engines; may be given again [default: onnx].",
)
@compile_options
@click.option("--force", is_flag=True, help="Replace a bundle that is already there.")
def export(
    checkpoint: Path,
    out: Path,
    precision: str,
    weights: str,
    targets: tuple[str, ...],
    force: bool,
    **settings: Any,
) -> None:
    """Turn a published CHECKPOINT into a bundle of verified ONNX graphs, and compiled engines if asked."""
    from sfx.errors import MissingPackageError

    try:
        from sfx.export.exporter import export as export_bundle
        from sfx.export.proof import worst
    except ModuleNotFoundError as error:
        raise MissingPackageError(
            f"export: expected the package {error.name}, found none; install it with: pip install 'sfx[export]'"
        ) from error
    options = build_options(settings)
    compiled_for = tuple(target for target in targets if target != "onnx")
    expect_targets(compiled_for)
    with telling() as tell:
        bundle = export_bundle(
            checkpoint, out, precision=precision, weights=weights, force=force, progress=tell
        )
    for entry in worst(list(bundle.manifest.parity)):
        click.echo(
            f"{entry.link}: largest difference {entry.error:.2g} ({entry.graph}, {entry.tensor}; "
            f"tolerance {entry.tolerance:g})"
        )
    for found in bundle.manifest.accuracy:
        click.echo(f"fp16, emulated: {found}")
    parameters = sum(graph.parameters for graph in bundle.manifest.graphs)
    size = sum(file.bytes for file in bundle.manifest.files())
    click.echo(
        f"{out}: {len(bundle.manifest.graphs)} graphs, {parameters / 1e6:.1f} M values, {size / 1e6:.0f} MB"
    )
    compile_targets(out, compiled_for, options)


@main.command(name="compile")
@click.argument("bundle", type=_PATH)
@click.option(
    "--target",
    "targets",
    multiple=True,
    required=True,
    type=click.Choice(["tensorrt", "tensorrt-rtx"]),
    help="What to compile for; may be given again.",
)
@compile_options
def compile_command(bundle: Path, targets: tuple[str, ...], **settings: Any) -> None:
    """Compile the graphs of a BUNDLE to engines for NVIDIA GPUs; needs no torch, and for tensorrt-rtx no GPU."""
    compile_targets(bundle, targets, build_options(settings))


def _truncation(_: click.Context, __: click.Parameter, text: str | None) -> float | None:
    if text is None:
        return None
    try:
        limit = float("inf") if text == "off" else float(text)
    except ValueError:
        limit = 0.0
    if not limit > 0:
        raise click.BadParameter(f"expected a number above 0, or off, found '{text}'")
    return limit


@main.command()
@click.argument("sketches", metavar="SKETCH...", nargs=-1, required=True, type=_PATH)
@click.option(
    "--appearance", type=_PATH, help="Reference picture, or a folder paired with SKETCH by sorted name."
)
@click.option(
    "--out", type=_PATH, help="File or folder [default: <sketch>_face.png in the working directory]."
)
@_engine_options
@click.option("--random-appearance", is_flag=True, help="A random appearance for each sketch, no reference.")
@click.option("--fixed-random-appearance", is_flag=True, help="One random appearance for all sketches.")
@click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of all that is random."
)
@click.option(
    "--mix-layers", help="Layers of the codes to mix with a random style, such as 8-17 or 3,5,8-10."
)
@click.option("--mix-alpha", type=click.FloatRange(0.0, 1.0), help="Strength of the mixing [default: 1].")
@click.option(
    "--truncation",
    callback=_truncation,
    help="Deviations that a sketch's codes may stray, or off [default: the bundle's].",
)
@click.option("--size", type=int, help="Average-pool faces to this side, such as 256.")
@click.option(
    "--preview",
    is_flag=True,
    help="Draw a quarter of a side, or half of it for a larger --size, as <sketch>_preview.png, without the layers "
    "above: sooner, and not quite the face.",
)
@click.option("--couple", is_flag=True, help="Also write sketch | face | reference side by side.")
@click.option("--save-codes", is_flag=True, help="Also write the codes, <sketch>_codes.npy.")
@click.option("--save-reference", is_flag=True, help="Also write the reference as the model sees it.")
@click.option("--save-interpreted", is_flag=True, help="Also write how a plain drawing was understood.")
@click.option("--limit", type=click.IntRange(min=1), help="Draw at most this many faces.")
@click.option("--batch", type=click.IntRange(min=1), default=1, show_default=True, help="Faces run together.")
@click.option(
    "--input",
    "input_kind",
    type=click.Choice(["auto", "labels", "drawing"]),
    default="auto",
    show_default=True,
    help="What SKETCH holds: class ids, or plain lines to interpret.",
)
def run(sketches: tuple[Path, ...], appearance: Path | None, out: Path | None, **settings: Any) -> None:
    """Draw the face of every SKETCH (files or folders) with the appearance of a reference picture."""
    import time

    from sfx.runtime.faces import draw_faces
    from sfx.runtime.pairing import plan

    is_random = settings["random_appearance"] or settings["fixed_random_appearance"]
    if (appearance is None) != is_random:
        raise click.UsageError(
            "give either --appearance or --random-appearance (or --fixed-random-appearance)"
        )
    if settings["mix_alpha"] is not None and settings["mix_layers"] is None:
        raise click.UsageError("--mix-alpha needs --mix-layers")
    with _load(settings) as pipeline:
        options = _run_options(settings, pipeline.config.n_styles)
        jobs = plan(sketches, appearance, out, options.companions(), options.ending)[: settings["limit"]]
        started = time.perf_counter()
        for job in _progress(draw_faces(pipeline, jobs, options, _tell), len(jobs)):
            click.echo(job.out)
    elapsed = time.perf_counter() - started
    click.echo(f"{len(jobs)} face(s) in {elapsed:.2f} s, {elapsed / len(jobs):.2f} s each", err=True)


def _run_options(settings: dict[str, Any], n_styles: int) -> Options:
    from sfx.runtime.codes import parse_layers
    from sfx.runtime.faces import Mixing, Options, RandomAppearance

    random = mixing = None
    if settings["random_appearance"] or settings["fixed_random_appearance"]:
        random = RandomAppearance(settings["seed"], fixed=settings["fixed_random_appearance"])
    if settings["mix_layers"] is not None:
        alpha = 1.0 if settings["mix_alpha"] is None else settings["mix_alpha"]
        mixing = Mixing(parse_layers(settings["mix_layers"], n_styles), settings["seed"], alpha)
    return Options(
        input_kind=settings["input_kind"],
        size=settings["size"],
        preview=settings["preview"],
        truncation=settings["truncation"],
        random=random,
        mixing=mixing,
        couple=settings["couple"],
        save_codes=settings["save_codes"],
        save_reference=settings["save_reference"],
        save_interpreted=settings["save_interpreted"],
        batch=settings["batch"],
    )


def _tell(text: str) -> None:
    click.echo(" ".join(text.split()), err=True)


def _load(settings: dict[str, Any]) -> Any:
    """The pipeline that the engine options ask for; says what will run."""
    from sfx.engines.locate import find_bundle
    from sfx.runtime.pipeline import load

    found = find_bundle(settings["bundle"])
    pipeline = load(
        found.path,
        backend=settings["backend"],
        device=settings["device"],
        precision=settings["precision"],
    )
    click.echo(f"bundle {found.path} ({found.reason}), {pipeline.choice}", err=True)
    return pipeline


def _progress(items: Any, total: int) -> Any:
    """The items, under a progress bar where there are several and a person is watching."""
    if total < 2:
        return items
    from rich.console import Console
    from rich.progress import track

    return track(items, "faces", total, console=Console(stderr=True), transient=True)


@main.command()
@click.argument("sketches", metavar="SKETCH...", nargs=-1, required=True, type=_PATH)
@click.option(
    "--out",
    type=_PATH,
    help="Folder, or for one SKETCH a .png, .svg or .json [default: the working directory].",
)
@click.option(
    "--overlay", is_flag=True, help="Also write <sketch>_overlay.png: classes in colours, a legend."
)
@click.option("--size", type=int, default=256, show_default=True, help="Side of the label map.")
@click.option("--device", default="cpu", show_default=True, help="auto, cpu or cuda[:N].")
@click.option("--backend", default="auto", show_default=True, help="auto, openvino or onnxruntime.")
def interpret(
    sketches: tuple[Path, ...], out: Path | None, overlay: bool, size: int, device: str, backend: str
) -> None:
    """Say what every stroke of plain drawings (files or folders) means.

    Writes a label map, <sketch>_labels.png, and the strokes as <sketch>_layers.svg and <sketch>_strokes.json.
    Correct any of them by hand and give it to sfx run.
    """
    from sfx.engines.backends import choose
    from sfx.runtime.interpretations import interpret_files
    from sfx.runtime.interpreter.interpreting import Interpreter

    with Interpreter(choose(backend, device)) as interpreter:
        _tell(f"interpreter, {interpreter.choice}")
        for outcome in interpret_files(interpreter, sketches, out, size=size, with_overlay=overlay):
            if outcome.doubts:
                _tell(f"Warning: {outcome.drawing}: {', '.join(outcome.doubts)}")
            for path in outcome.written:
                click.echo(path)


@main.command()
@_engine_options
@bench_options
def bench(**settings: Any) -> None:
    """Measure latency, cold start and memory of a bundle on this machine."""
    plan, old = bench_plan(settings), baseline(settings)
    with _load(settings) as pipeline:
        measure(pipeline, plan, old, settings)


@main.command()
@click.argument("bundle", type=_PATH)
@calibrate_options
def calibrate(bundle: Path, **settings: Any) -> None:
    """Lower the layers of a BUNDLE that its pictures can spare to INT8; the price is measured, and kept to a budget."""
    calibrate_bundle(bundle, settings)


@main.command()
@click.argument("bundle", type=_PATH)
@click.option(
    "--backend", multiple=True, help="Check on this backend only; may be given again [default: all]."
)
def verify(bundle: Path, backend: tuple[str, ...]) -> None:
    """Check a BUNDLE: checksums, then every graph on every CPU backend and every engine against its records."""
    from sfx.engines.verify import verify_bundle

    for line in verify_bundle(bundle, backend):
        click.echo(line)


@main.command()
def doctor() -> None:
    """Say what this machine can run, what clashes, and the command that fixes it."""
    from sfx.doctor import diagnose, print_findings

    findings = diagnose()
    print_findings(findings)
    if any(finding.fix and finding.level == "problem" for finding in findings):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
