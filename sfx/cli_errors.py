"""How every command of sfx ends where something is wrong: one line on stderr, and an exit code."""

from __future__ import annotations

from typing import Any

import click

from sfx.errors import SfxError


class OneLineErrors(click.Command):
    """Turns what sfx raises on purpose into one line and exit code 1; usage errors stay click's, with 2."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except SfxError as error:
            raise click.ClickException(" ".join(str(error).split())) from error


class OneLineErrorsGroup(OneLineErrors, click.Group):
    """The same for a group and all of its commands."""
