"""``tasksets cache``: what this machine keeps of rows and filters: a list, whether it is whole, and away with it."""

from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from openenv_tasksets.loaders.stores import Stored
    from openenv_tasksets.where_index import KeptFilter


def cache(
    action: Annotated[
        Literal["list", "verify", "clear"],
        typer.Argument(
            metavar="ACTION",
            help="list: every store and filter, the one used last first. verify: read them, and exit with 1 where one "
            "is damaged. clear: remove them.",
            show_default=False,
        ),
    ],
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NAME]...", help="Only these, as list names them.", show_default=False),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line, nothing cut.")] = False,
) -> None:
    """List, verify or clear what is kept for fast reads: the bound columns of Parquet rows, and what filters let pass.

    All is in the folder that OPENENV_TASKSETS_CACHE names, else in the user's cache; row stores together are no larger
    than OPENENV_TASKSETS_CACHE_LIMIT or --cache-limit of serve and run. Removing one costs the time to make it again.
    """
    from openenv_tasksets.cli.console import say, write, write_table
    from openenv_tasksets.loaders.errors import SourceError
    from openenv_tasksets.loaders.spelling import nearest
    from openenv_tasksets.loaders.stores import Stores
    from openenv_tasksets.server.wire import encode_json
    from openenv_tasksets.where_index import kept_filters

    stores = Stores.default()
    known: dict[str, Stored | KeptFilter] = {each.name: each for each in (*stores, *kept_filters())}
    for name in names or ():
        if name not in known:
            raise SourceError(f"no row store or filter {name!r}{nearest(name, known)}")
    chosen = [known[name] for name in names] if names else list(known.values())
    damaged = {each.name: _damaged(each) for each in chosen} if action == "verify" else {}
    lines = [{**_described(each), **({"damaged": damaged[each.name]} if damaged else {})} for each in chosen]
    if action == "clear":
        for each in chosen:
            _remove(each)
    if as_json:
        for line in lines:
            write(encode_json(line).decode())
    elif lines:
        write_table(list(lines[0]), [[_cell(value) for value in line.values()] for line in lines])
    done = {"list": "", "verify": " read", "clear": " removed"}[action]
    total = _size(sum(each.size for each in chosen))
    limit = _size(stores.limit_bytes)
    say(f"{_counted(chosen)}{done}, {total}, in {stores.folder.parent}; row stores have a limit: {limit}")
    if any(damaged.values()):
        say("what is damaged is never used; remove it with: tasksets cache clear NAME")
        raise typer.Exit(1)


def _counted(chosen: "Sequence[Stored | KeptFilter]") -> str:
    from openenv_tasksets.loaders.stores import Stored

    stores = [each for each in chosen if isinstance(each, Stored)]
    counts = [f"{len(stores):,} row stores"]
    if len(stores) < len(chosen):
        counts.append(f"{len(chosen) - len(stores):,} filters")
    return " and ".join(counts)


def _remove(each: "Stored | KeptFilter") -> None:
    from openenv_tasksets.loaders.stores import Stored, remove

    if isinstance(each, Stored):
        remove(each.folder)
    else:
        each.path.unlink(missing_ok=True)


def _damaged(stored: "Stored | KeptFilter") -> int:
    """How many rows are damaged; of a filter, 1 where it is."""
    from openenv_tasksets.loaders.stores import Stored, damaged_rows

    if not isinstance(stored, Stored):
        return int(stored.rows is None)
    try:
        return damaged_rows(stored)
    except OSError:
        return stored.rows


def _described(stored: "Stored | KeptFilter") -> dict[str, object]:
    from datetime import UTC, datetime

    from openenv_tasksets.loaders.stores import Stored

    head = stored.head if isinstance(stored, Stored) else None
    return {
        "name": stored.name,
        "used": datetime.fromtimestamp(stored.used, UTC).isoformat(timespec="seconds"),
        "bytes": stored.size,
        "rows": stored.rows,
        "of": stored.rows if head is None else head.rows,
        "columns": [] if head is None else list(head.columns),
        "files": [] if head is None else list(head.files),
    }


def _cell(value: object) -> str:
    from openenv_tasksets.cli.console import cell

    return cell(", ".join(map(str, value)) if isinstance(value, list) else str(value))


def _size(size: float) -> str:
    for unit in ("bytes", "KiB", "MiB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} GiB"
