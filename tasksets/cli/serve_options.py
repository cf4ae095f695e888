"""The options of ``tasksets serve``: their types and what ``--help`` says of them."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from openenv_tasksets.cli.options import TARGET_HELP

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
Port = Annotated[int, typer.Option(min=0, max=65535, metavar="N", help="Port; 0 takes a free one.")]
MaxSessions = Annotated[
    int | None,
    typer.Option(
        min=1,
        metavar="N",
        help="Sessions at once, for each environment. Default: 1,024, or 1 for an environment that says it can "
        "do no more.",
    ),
]
Queue = Annotated[
    int,
    typer.Option(
        min=0, metavar="N", help="How many clients may wait, for each environment, where no session is free; in order."
    ),
]
QueueSeconds = Annotated[
    float, typer.Option(min=0, metavar="SECONDS", help="For how long one waits before it is refused.")
]
MaxRate = Annotated[
    float,
    typer.Option(
        min=0, metavar="N", help="Requests of one session in a second; what is more is refused. 0 sets no limit."
    ),
]
MaxConnections = Annotated[int, typer.Option(min=1, metavar="N", help="Connections at once; further ones get a 503.")]
MaxConnectionsPerAddress = Annotated[
    int,
    typer.Option(min=0, metavar="N", help="Those from one address, a proxy's for example; 0 sets no limit of its own."),
]
HeaderSeconds = Annotated[
    float,
    typer.Option(min=0.001, metavar="SECONDS", help="Close a connection whose request's headers take longer to come."),
]
RequestSeconds = Annotated[
    float,
    typer.Option(min=0.001, metavar="SECONDS", help="The same for the body of a request, after its headers."),
]
DrainSeconds = Annotated[
    float,
    typer.Option(
        min=0,
        metavar="SECONDS",
        help="After SIGTERM, begin nothing and let running episodes be played to their end for so long.",
    ),
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
    typer.Option(
        min=0,
        max=2**63 - 1,
        metavar="N",
        help="The first position for such resets; of several servers, the same for all.",
    ),
]
ShuffleSeed = Annotated[int, typer.Option(metavar="N", help="Another number gives other shuffled orders.")]
StrictReset = Annotated[bool, typer.Option("--strict-reset", help="Refuse reset() arguments that would be ignored.")]
SessionTimeout = Annotated[
    float,
    typer.Option(min=0, metavar="SECONDS", help="End a session that is unused for so long; 0 never ends one."),
]
GraceSeconds = Annotated[
    float,
    typer.Option(
        min=0,
        metavar="SECONDS",
        help="Keep the session of a connection that broke for so long, slot and all, to be taken up again by "
        "/ws?session_id=ID.",
    ),
]
StepTimeout = Annotated[
    float,
    typer.Option(
        min=0,
        metavar="SECONDS",
        help="Give an environment up that takes longer than this to be made, to reset or to step; 0 waits for ever. "
        "One that says it does not block cannot be interrupted.",
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
