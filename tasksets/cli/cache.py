"""``tasksets cache``: the row stores of this machine: what there is, whether it is whole, and away with it."""

from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from openenv_tasksets.loaders.stores import Stored


def cache(
    action: Annotated[
        Literal["list", "verify", "clear"],
        typer.Argument(
            metavar="ACTION",
            help="list: every store, the one used last first. verify: read them, and exit with 1 where a row is "
            "damaged. clear: remove them.",
            show_default=False,
        ),
    ],
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NAME]...", help="Only these, as list names them.", show_default=False),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line, nothing cut.")] = False,
) -> None:
    """List, verify or clear the row stores: the bound columns of Parquet rows, kept for fast reads.

    They are in the folder that OPENENV_TASKSETS_CACHE names, else in the user's cache, together no larger than
    OPENENV_TASKSETS_CACHE_LIMIT or --cache-limit of serve and run. Removing one costs the time to build it again.
    """
    from openenv_tasksets.cli.console import say, write, write_table
    from openenv_tasksets.loaders.errors import SourceError
    from openenv_tasksets.loaders.spelling import nearest
    from openenv_tasksets.loaders.stores import Stores, remove
    from openenv_tasksets.server.wire import encode_json

    stores = Stores.default()
    known = {each.name: each for each in stores}
    for name in names or ():
        if name not in known:
            raise SourceError(f"no row store {name!r}{nearest(name, known)}")
    chosen = [known[name] for name in names] if names else list(known.values())
    damaged = {each.name: _damaged(each) for each in chosen} if action == "verify" else {}
    lines = [{**_described(each), **({"damaged": damaged[each.name]} if damaged else {})} for each in chosen]
    if action == "clear":
        for each in chosen:
            remove(each.folder)
    if as_json:
        for line in lines:
            write(encode_json(line).decode())
    elif lines:
        write_table(list(lines[0]), [[_cell(value) for value in line.values()] for line in lines])
    total = sum(each.size for each in chosen)
    done = {"list": "", "verify": " read", "clear": " removed"}[action]
    say(f"{len(chosen):,} row stores{done}, {_size(total)}, in {stores.folder}; limit: {_size(stores.limit_bytes)}")
    if any(damaged.values()):
        say("what is damaged is read from Parquet; remove it with: tasksets cache clear NAME")
        raise typer.Exit(1)


def _damaged(stored: "Stored") -> int:
    from openenv_tasksets.loaders.stores import damaged_rows

    try:
        return damaged_rows(stored)
    except OSError:
        return stored.rows


def _described(stored: "Stored") -> dict[str, object]:
    from datetime import UTC, datetime

    return {
        "name": stored.name,
        "used": datetime.fromtimestamp(stored.used, UTC).isoformat(timespec="seconds"),
        "bytes": stored.size,
        "rows": stored.rows,
        "of": stored.head.rows,
        "columns": list(stored.head.columns),
        "files": list(stored.head.files),
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
