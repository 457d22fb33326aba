"""``occlabel replay``: do a quarantined clip again, here, and see why it failed."""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING, Annotated

import typer

from occlabel.schemas.errors import Ended

if TYPE_CHECKING:
    from occlabel.workers.store import Store


def replay(entry: Annotated[str, typer.Argument(metavar="STORE/quarantine/RUN/ENTRY.json")]) -> None:
    """Do one quarantined clip again in this process, with its traceback; writes nothing.

    Exit code 0 when the clip works now (run again to commit it, under another --version where that of its run is
    published), 1 when it still fails.
    """
    from occlabel.pipeline.running.replay import rehearsal

    order, quarantined = rehearsal(entry)
    typer.echo(f"{quarantined.place}: {quarantined.error}")
    from occlabel.workers.order import rehearse

    try:
        _, damaged, _ = rehearse(order)
    except Ended:
        raise
    except (Exception, SystemExit):
        typer.echo(traceback.format_exc())
        typer.echo("the clip still fails")
        raise typer.Exit(1) from None
    for damage in damaged:
        typer.echo(f"frame {damage.name}, {damage.sensor}: {damage.error}")
    typer.echo("the files above are still damaged" if damaged else _works(order.store, quarantined.run))
    raise typer.Exit(1 if damaged else 0)


def _works(store: Store, run: str) -> str:
    """What to do then: a version that is published never changes."""
    from occlabel.pipeline.published.version import version_names
    from occlabel.pipeline.running.history import run_states

    of = next((state.version for state in run_states(store) if state.run == run), None)
    if of is None or of not in version_names(store):
        return "the clip works now; run again to commit it"
    published = f"version {of} is published and never changes"
    return f"the clip works now; {published}: run again under another --version to commit it"
