"""What the commands `export` and `compile` share: the options of a build, and telling how it goes."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from sfx.engines.compiled import BuildOptions


def compile_options(command: Any) -> Any:
    """Options of every command that compiles engines."""
    for option in (
        click.option(
            "--compute-capability",
            multiple=True,
            help="GPU to compile for, such as 8.9; may be given again (tensorrt-rtx only) [default: 8.0 and later].",
        ),
        click.option(
            "--max-batch",
            type=click.IntRange(min=1),
            default=8,
            show_default=True,
            help="Largest batch that an engine runs.",
        ),
        click.option(
            "--workspace",
            type=click.FloatRange(min=0.1),
            default=8.0,
            show_default=True,
            help="GiB of scratch memory that a kernel may take on the GPU; a smaller --max-batch needs less.",
        ),
    ):
        command = option(command)
    return command


def build_options(settings: dict[str, Any]) -> BuildOptions:
    """What the options say; raises InputError for a capability that is no number."""
    from sfx.engines.compiled import BuildOptions

    workspace = int(settings["workspace"] * (1 << 30))
    return BuildOptions(settings["compute_capability"], settings["max_batch"], workspace)


def expect_targets(targets: tuple[str, ...]) -> None:
    """Fail before an export of minutes, not after it: raises EngineError where a target cannot be compiled for."""
    from sfx.engines.cuda import Gpu
    from sfx.engines.tensorrt_library import LIBRARIES

    for target in targets:
        LIBRARIES[target].load()
        if target == "tensorrt":
            Gpu.open(0)


def compile_targets(bundle: Path, targets: tuple[str, ...], options: BuildOptions) -> None:
    """Compile the bundle for each target and print what its engines are."""
    from sfx.engines.compiling import compile_bundle

    if not targets:
        return
    with telling() as tell:
        plans = compile_bundle(bundle, targets, options, tell).manifest.plans
    for plan in plans:
        built_for = ", ".join(plan.capabilities) or "8.0 and later"
        click.echo(
            f"{plan.file.path}: {plan.file.bytes / 1e6:.0f} MB, {plan.target} {plan.version}, SM {built_for}, "
            f"batch 1 to {plan.max_batch}"
        )


@contextlib.contextmanager
def telling() -> Iterator[Callable[[str], None]]:
    """What is being done, on stderr: one line a step, and the latest beside a spinner."""
    from rich.console import Console

    console = Console(stderr=True, log_path=False)
    with console.status("starting") as status:

        def tell(step: str) -> None:
            status.update(step)
            console.log(step)

        yield tell
