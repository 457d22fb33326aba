"""``occlabel replay``: do a quarantined clip again, here, and see why it failed."""

from __future__ import annotations

import traceback
from typing import Annotated

import typer


def replay(entry: Annotated[str, typer.Argument(metavar="STORE/quarantine/RUN/ENTRY.json")]) -> None:
    """Do one quarantined clip again in this process, with its traceback; writes nothing.

    Exit code 0 when the clip works now (run again to commit it), 1 when it still fails.
    """
    from occlabel.pipeline.running.replay import rehearsal

    order, quarantined = rehearsal(entry)
    typer.echo(f"{quarantined.place}: {quarantined.error}")
    from occlabel.workers.order import rehearse

    try:
        _, damaged, _ = rehearse(order)
    except Exception:
        typer.echo(traceback.format_exc())
        typer.echo("the clip still fails")
        raise typer.Exit(1) from None
    for damage in damaged:
        typer.echo(f"frame {damage.name}, {damage.sensor}: {damage.error}")
    typer.echo("the files above are still damaged" if damaged else "the clip works now; run again to commit it")
    raise typer.Exit(1 if damaged else 0)
