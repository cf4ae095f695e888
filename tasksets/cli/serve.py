"""``tasksets serve``: environments of one or several tasksets behind OpenEnv's API, in one process."""

import logging
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from openenv_tasksets.cli.options import AllowExecution, AllowSecret, CacheLimit, Conditions, DataDir, SplitName
from openenv_tasksets.cli.runtime_option import (
    AllowHost,
    AllowImage,
    AllowUnproven,
    RuntimeTokenEnv,
    RuntimeUrl,
    read_choice,
)
from openenv_tasksets.cli.serve_options import (
    Address,
    AllowOrigin,
    AllowRemote,
    Blocking,
    DrainSeconds,
    Environments,
    GraceSeconds,
    HeaderSeconds,
    LogFormat,
    MaxConnections,
    MaxConnectionsPerAddress,
    MaxRate,
    MaxSessions,
    Mode,
    Port,
    Queue,
    QueueSeconds,
    RequestSeconds,
    SessionTimeout,
    Shard,
    ShuffleSeed,
    StartPosition,
    StepTimeout,
    StrictReset,
    Targets,
    TrainerTokenEnv,
    TrainerTokenFile,
    Transport,
    Unseeded,
)
from openenv_tasksets.cli.trainer_token import check_address, read_token

if TYPE_CHECKING:
    from openenv_tasksets.declaration import Declaration, EnvironmentDeclaration
    from openenv_tasksets.server.host import Host
    from openenv_tasksets.taskset import Taskset

logger = logging.getLogger(__name__)


def serve(
    targets: Targets,
    environment: Environments = None,
    data_dir: DataDir = None,
    host: Address = "127.0.0.1",
    port: Port = 8000,
    split: SplitName = None,
    where: Conditions = None,
    max_sessions: MaxSessions = None,
    queue: Queue = 0,
    queue_seconds: QueueSeconds = 30.0,
    unseeded: Unseeded = "next",
    start_position: StartPosition = 0,
    shard: Shard = "0/1",
    shuffle_seed: ShuffleSeed = 0,
    strict_reset: StrictReset = False,
    session_timeout: SessionTimeout = 1800.0,
    grace_seconds: GraceSeconds = 0.0,
    step_timeout: StepTimeout = 0.0,
    blocking: Blocking = None,
    drain_seconds: DrainSeconds = 20.0,
    max_rate: MaxRate = 0.0,
    max_connections: MaxConnections = 4096,
    max_connections_per_address: MaxConnectionsPerAddress = 0,
    header_seconds: HeaderSeconds = 10.0,
    request_seconds: RequestSeconds = 60.0,
    transport: Transport = "fast",
    log_format: LogFormat = "text",
    mode: Mode = "simulation",
    cache_limit: CacheLimit = None,
    allow_execution: AllowExecution = None,
    allow_secret: AllowSecret = None,
    runtime: RuntimeUrl = None,
    runtime_token_env: RuntimeTokenEnv = None,
    allow_host: AllowHost = None,
    allow_image: AllowImage = None,
    allow_unproven: AllowUnproven = False,
    trainer_token_env: TrainerTokenEnv = None,
    trainer_token_file: TrainerTokenFile = None,
    allow_origin: AllowOrigin = None,
    allow_remote: AllowRemote = False,
) -> None:
    """Serve environments over OpenEnv's WebSocket and HTTP API.

    Everything is loaded before the port is opened. The one line on stdout is the URL, printed when
    connections are accepted. SIGINT and SIGTERM end it with exit code 0, and a second one at once.
    """
    from openenv_tasksets.cli.console import write
    from openenv_tasksets.server.app import create_app
    from openenv_tasksets.server.connection_limits import ConnectionLimits
    from openenv_tasksets.server.event_log import tell
    from openenv_tasksets.server.gate import Gate
    from openenv_tasksets.server.host import Host, HostSettings
    from openenv_tasksets.server.serve import serve as serve_app

    say = _talk(log_format)
    if data_dir is not None and len(targets) > 1:
        raise typer.BadParameter("--data-dir goes with one TASKSET", param_hint="--data-dir")
    gate = Gate(read_token(trainer_token_env, trainer_token_file), allow_origin or ())
    check_address(host, allow_remote or not gate.open)
    settings = HostSettings(
        max_sessions=max_sessions,
        queue=queue,
        queue_seconds=queue_seconds,
        unseeded=unseeded,
        start_position=start_position,
        shard=_read_shard(shard),
        strict_reset=strict_reset,
        session_timeout=session_timeout or None,
        grace_seconds=grace_seconds,
        step_timeout=step_timeout or None,
        max_rate=max_rate or None,
        allow_unproven=allow_unproven,
        blocking=False if blocking == "inline" else blocking,
    )
    choice = read_choice(
        runtime,
        runtime_token_env,
        execution=allow_execution,
        secrets=allow_secret,
        hosts=allow_host,
        images=allow_image,
    )
    tasksets = _open(
        targets, environment or (), data_dir, split, shuffle_seed, where or (), cache_limit, say, with_url=bool(runtime)
    )
    if runtime is not None and len(tasksets) > 1:
        raise typer.BadParameter("a server plays one environment; choose it with --environment", param_hint="--runtime")
    hosts = [Host(each, choice.of(each), consent=choice.consent, settings=settings) for each in tasksets]
    app = create_app(hosts, mode=mode, gate=gate)

    def ready(url: str) -> None:
        for each in hosts:
            root = url if len(hosts) == 1 else f"{url}/{each.id}"
            tell("serving", environment=each.id, url=root, commit=_commit(each))
            if log_format == "text":
                say(_described(each, root, with_token=not gate.open))
        say("stop with Ctrl+C")
        write(url)

    serve_app(
        app,
        host=host,
        port=port,
        on_ready=ready,
        transport=transport,
        drain_seconds=drain_seconds,
        limits=ConnectionLimits(max_connections, max_connections_per_address or None, header_seconds, request_seconds),
    )


def _talk(log_format: str) -> Callable[[str], object]:
    """Where lines for a person go; with JSON lines, they are lines of the log too."""
    if log_format == "text":
        from openenv_tasksets.cli.console import say

        return say
    from openenv_tasksets.server.log_format import log_as_json

    log_as_json(sys.stderr)
    return logger.info


def _read_shard(text: str) -> tuple[int, int]:
    index, _, count = text.partition("/")
    if not (index.isascii() and index.isdigit() and count.isascii() and count.isdigit() and int(index) < int(count)):
        raise typer.BadParameter(f"{text!r} is not I/C with 0 <= I < C, such as 0/4", param_hint="--shard")
    return int(index), int(count)


def _open(
    targets: Sequence[str],
    wanted: Sequence[str],
    data_dir: Path | None,
    split: str | None,
    shuffle_seed: int,
    where: Sequence[str],
    cache_limit: int | None,
    say: Callable[[str], object],
    *,
    with_url: bool,
) -> list["Taskset"]:
    """The tasksets of the wanted environments, in the order of the files."""
    from openenv_tasksets.cli.console import ignored_keys
    from openenv_tasksets.cli.where_option import narrow_all
    from openenv_tasksets.loaders.errors import SelectionError
    from openenv_tasksets.loaders.spelling import nearest
    from openenv_tasksets.open_taskset import open_taskset, read_declared

    declared = [read_declared(target) for target in targets]
    for line in dict.fromkeys(line for one in declared for line in ignored_keys(one.declaration)):
        say(line)
    offered = [each.id for one in declared for each in one.declaration.environments]
    for name in wanted:
        if name not in offered:
            raise SelectionError(f"no environment {name!r}{nearest(name, offered)}")
    return [
        narrow_all(
            open_taskset(
                one.target,
                environment=name,
                split=split,
                data_dir=data_dir,
                shuffle_seed=shuffle_seed,
                cache_limit=cache_limit,
            ),
            where,
        )
        for one in declared
        for name in _chosen(one.declaration, wanted or ([one.environment] if one.environment else ()), say, with_url)
    ]


def _chosen(
    declaration: "Declaration", wanted: Sequence[str], say: Callable[[str], object], with_url: bool
) -> list[str]:
    if wanted:
        return [each.id for each in declaration.environments if each.id in wanted]
    if with_url or len(declaration.environments) == 1:
        return [each.id for each in declaration.environments]
    left_out = {each.id: reason for each in declaration.environments if (reason := _why_not(each))}
    if len(left_out) == len(declaration.environments):
        # The error of the first says why.
        return [declaration.environments[0].id]
    for reason in left_out.values():
        say(f"left out: {reason}")
    return [each.id for each in declaration.environments if each.id not in left_out]


def _why_not(environment: "EnvironmentDeclaration") -> str | None:
    """Why an environment is none to be run in a process, if so; one that is not installed is an error instead."""
    runtime = environment.frameworks.openenv
    if runtime is None:
        return f"environment {environment.id!r} declares no frameworks.openenv block, so OpenEnv cannot run it"
    if runtime.package is not None:
        return None
    kind, name = ("image", runtime.image) if runtime.image is not None else ("Space", runtime.space_id)
    return (
        f"environment {environment.id!r} runs from the {kind} {name!r}; ask for it with --environment {environment.id}"
    )


def _commit(host: "Host") -> str | None:
    reference = host.taskset.reference
    return None if reference is None else reference.commit_hash


def _described(host: "Host", url: str, *, with_token: bool) -> str:
    taskset = host.taskset
    sizes = {name: taskset.split(name).size for name in taskset}
    splits = ", ".join(f"{name} ({'endless' if size is None else f'{size:,}'} tasks)" for name, size in sizes.items())
    told = f"{host.id}: {url}\n  splits: {splits}; default: {taskset.default_split}"
    # The default split first, but a reset() on an empty one would be refused.
    example = next((name for name in (taskset.default_split, *sizes) if sizes[name] != 0), None)
    if example is None:
        return f"{told}\n  there is no task"
    headers = ', headers={"Authorization": f"Bearer {token}"}' if with_token else ""
    return (
        f"{told}\n"
        f"  from openenv import GenericEnvClient\n"
        f'  with GenericEnvClient(base_url="{url}"{headers}).sync() as env:\n'
        f'      env.reset(split="{example}", index=0)'
    )
