"""The options of ``tasksets serve``: their types and what ``--help`` says of them."""

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from openenv_tasksets.cli.options import TARGET_HELP


def _number(text: str, *, least: int = 0, most: int | None = None) -> Any:
    return typer.Option(min=least, max=most, metavar="N", help=text)


def _seconds(text: str, *, least: float = 0) -> Any:
    return typer.Option(min=least, metavar="SECONDS", help=text)


Targets = Annotated[
    list[str], typer.Argument(metavar="TASKSET", help=f"One or several: {TARGET_HELP}.", show_default=False)
]
Environments = Annotated[
    list[str] | None,
    typer.Option(
        "--environment", metavar="ID", help="Only this one; repeatable. Default: all whose runtime is a package."
    ),
]
Address = Annotated[str, typer.Option("--host", metavar="ADDRESS", help="Address to listen on.")]
Port = Annotated[int, _number("Port; 0 takes a free one.", most=65535)]
MaxSessions = Annotated[
    int | None,
    _number(
        "Sessions at once, for each environment. Default: 1,024, or 1 for an environment that says it can do no more.",
        least=1,
    ),
]
Queue = Annotated[
    int,
    _number("How many clients may wait, for each environment, where no session is free; in order."),
]
QueueSeconds = Annotated[float, _seconds("For how long one waits before it is refused.")]
MaxRate = Annotated[
    float,
    _number("Requests of one session in a second; what is more is refused. 0 sets no limit."),
]
MaxConnections = Annotated[int, _number("Connections at once; further ones get a 503.", least=1)]
MaxConnectionsPerAddress = Annotated[
    int,
    _number("Those from one address, a proxy's for example; 0 sets no limit of its own."),
]
HeaderSeconds = Annotated[
    float,
    _seconds("Close a connection whose request's headers take longer to come.", least=0.001),
]
RequestSeconds = Annotated[
    float,
    _seconds("The same for the body of a request, after its headers.", least=0.001),
]
DrainSeconds = Annotated[
    float,
    _seconds("After SIGTERM, begin nothing and let running episodes be played to their end for so long."),
]
Shard = Annotated[
    str,
    typer.Option(
        metavar="I/C",
        help="This is server I, from 0 on, of C over one stream: of the positions that it hands out itself it takes "
        "I, I+C and so on.",
    ),
]
Unseeded = Annotated[
    Literal["next", "refuse"],
    typer.Option(help="What a reset() gets that names no task: the next position, or an error."),
]
StartPosition = Annotated[
    int,
    _number("The first position for such resets; of several servers, the same for all.", most=2**63 - 1),
]
ShuffleSeed = Annotated[int, typer.Option(metavar="N", help="Another number gives other shuffled orders.")]
StrictReset = Annotated[bool, typer.Option("--strict-reset", help="Refuse reset() arguments that would be ignored.")]
SessionTimeout = Annotated[
    float,
    _seconds("End a session that is unused for so long; 0 never ends one."),
]
GraceSeconds = Annotated[
    float,
    _seconds(
        "Keep the session of a connection that broke for so long, slot and all, to be taken up again by "
        "/ws?session_id=ID."
    ),
]
StepTimeout = Annotated[
    float,
    _seconds(
        "Give an environment up that takes longer than this to be made, to reset or to step; 0 waits for ever. "
        "One that says it does not block cannot be interrupted."
    ),
]
Blocking = Annotated[
    Literal["inline", "thread", "pool", "process"] | None,
    typer.Option(
        help="Where the environments' calls run, whatever their classes say. inline: on the event loop; fastest, and "
        "right only where no call waits or computes for long. thread: each session on a thread of its own. pool: on "
        "any of some threads, which costs little more than inline and right where it does not matter what thread "
        "calls. process: each session in a process of its own, for what computes for long or may crash. Default: as "
        "the class says, or else thread.",
        show_default=False,
    ),
]
Transport = Annotated[
    Literal["fast", "plain"],
    typer.Option(help="How WebSockets are served: straight from the sessions, or through ASGI."),
]
LogFormat = Annotated[
    Literal["text", "json"],
    typer.Option(help="What stderr gets: talk and warnings, or a JSON line for each event, with session and task ids."),
]
Mode = Annotated[
    Literal["simulation", "production"],
    typer.Option(help="OpenEnv's mode; production has no HTTP /reset, /step and /state."),
]
AllowRemote = Annotated[
    bool,
    typer.Option(
        "--allow-remote",
        help="Let other machines connect without a token, where --host is not this one alone: whoever can reach the "
        "port can read the tasks.",
    ),
]
TrainerTokenEnv = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Environment variable with the trainer's token, without which nothing is answered but /health and agents "
        "with a token for their session.",
    ),
]
TrainerTokenFile = Annotated[
    Path | None, typer.Option(metavar="FILE", help="File with the trainer's token, instead of a variable.")
]
AllowOrigin = Annotated[
    list[str] | None,
    typer.Option(
        metavar="ORIGIN",
        help="Let web pages of this origin (as https://example.org; * is any) use the server from a browser; "
        "repeatable. Default: only its own.",
    ),
]
