"""``tasksets run``: a policy plays every task once (or K times), and what came of it."""

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from openenv_tasksets.cli.console import cell, ignored_keys, say, write
from openenv_tasksets.cli.options import (
    TARGET_HELP,
    AllowExecution,
    AllowSecret,
    CacheLimit,
    Conditions,
    DataDir,
    EnvironmentId,
    SplitName,
)
from openenv_tasksets.cli.runtime_option import (
    AllowHost,
    AllowImage,
    AllowUnproven,
    RuntimeChoice,
    RuntimeTokenEnv,
    RuntimeUrl,
    read_choice,
)

if TYPE_CHECKING:
    from openenv_tasksets.endpoint import Endpoint
    from openenv_tasksets.policy import Policy
    from openenv_tasksets.report import EpisodeRecord, Summary
    from openenv_tasksets.target import Target
    from openenv_tasksets.taskset import Taskset

EXIT_EPISODES_FAILED = 4
EXIT_INTERRUPTED = 130
_ENDPOINT_CONCURRENCY = 8
_DEFAULT_API_KEY = "OPENAI_API_KEY"

_TargetName = Annotated[
    str,
    typer.Argument(
        metavar="TARGET",
        help=f"Played in this process: {TARGET_HELP}. Or a server's URL: http://host:port[/id].",
        show_default=False,
    ),
]
_PolicyName = Annotated[
    str | None,
    typer.Option(
        "--policy",
        metavar="MODULE:FUNCTION",
        help="A function from the observation (a dict) to an action: a dict, or text for the action's only "
        "required text field. Sync or async; the current folder is importable.",
    ),
]
_EndpointUrl = Annotated[
    str | None,
    typer.Option(
        "--endpoint", metavar="URL", help="Instead: an OpenAI-compatible endpoint, as in http://127.0.0.1:8000/v1."
    ),
]
_Model = Annotated[str | None, typer.Option("--model", metavar="NAME", help="The model at --endpoint.")]
_Temperature = Annotated[float | None, typer.Option(min=0.0, metavar="T", help="For --endpoint.")]
_MaxTokens = Annotated[int | None, typer.Option(min=1, metavar="N", help="Longest reply, for --endpoint.")]
_Timeout = Annotated[
    float, typer.Option("--timeout", min=0.001, metavar="SECONDS", help="For one answer of --endpoint.")
]
_Tries = Annotated[
    int, typer.Option(min=1, metavar="N", help="How often --endpoint is asked that answers 429 or 5xx, or not at all.")
]
_ApiKeyEnv = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Environment variable with the key, which is sent to --endpoint and nowhere else. "
        f"Default: {_DEFAULT_API_KEY}, if it is set.",
    ),
]
_Limit = Annotated[int | None, typer.Option(min=1, metavar="N", help="At most so many tasks. Default: all.")]
_Offset = Annotated[int, typer.Option(min=0, metavar="N", help="How many tasks to leave out first.")]
_Shuffle = Annotated[
    int | None,
    typer.Option("--shuffle", metavar="SEED", help="In an order that SEED determines, before --offset and --limit."),
]
_Repeat = Annotated[int, typer.Option(min=1, metavar="K", help="Episodes of each task.")]
_Concurrency = Annotated[
    int | None,
    typer.Option(min=1, max=1024, metavar="C", help="Episodes at once. Default: 8 with --endpoint, else 1."),
]
_MaxSteps = Annotated[int, typer.Option(min=1, metavar="N", help="An episode that takes more actions is truncated.")]
_Output = Annotated[
    str | None,
    typer.Option("--output", "-o", metavar="FILE", help="JSON lines, one an episode as it ends; - is stdout."),
]
_Resume = Annotated[
    bool, typer.Option("--resume", help="Continue --output's FILE: its episodes are counted and not played again.")
]
_AsJson = Annotated[bool, typer.Option("--json", help="The summary as JSON.")]


def run(
    target: _TargetName,
    policy: _PolicyName = None,
    endpoint: _EndpointUrl = None,
    model: _Model = None,
    temperature: _Temperature = None,
    max_tokens: _MaxTokens = None,
    timeout: _Timeout = 300.0,
    tries: _Tries = 5,
    api_key_env: _ApiKeyEnv = None,
    split: SplitName = None,
    limit: _Limit = None,
    offset: _Offset = 0,
    where: Conditions = None,
    shuffle: _Shuffle = None,
    repeat: _Repeat = 1,
    concurrency: _Concurrency = None,
    max_steps: _MaxSteps = 1000,
    output: _Output = None,
    resume: _Resume = False,
    as_json: _AsJson = False,
    environment: EnvironmentId = None,
    data_dir: DataDir = None,
    cache_limit: CacheLimit = None,
    allow_execution: AllowExecution = None,
    allow_secret: AllowSecret = None,
    runtime: RuntimeUrl = None,
    runtime_token_env: RuntimeTokenEnv = None,
    allow_host: AllowHost = None,
    allow_image: AllowImage = None,
    allow_unproven: AllowUnproven = False,
) -> None:
    """Play tasks, each once and in order, and sum up the rewards.

    The summary goes to stdout, or to stderr where the records do. A record's status is ok, truncated,
    environment_error, policy_error or time_exceeded; rewards are averaged over ok and truncated, so that an
    error is never counted as a zero. Exit code 4: some episodes ended in an error; stderr tells which errors.
    """
    from openenv_tasksets.endpoint import Endpoint

    _check(policy, endpoint, model, output, resume)
    if target.startswith(("http://", "https://")):
        _refuse_local_options(
            {
                "--where": where,
                "--data-dir": data_dir,
                "--allow-execution": allow_execution,
                "--allow-secret": allow_secret,
                "--runtime": runtime,
                "--runtime-token-env": runtime_token_env,
                "--allow-host": allow_host,
                "--allow-image": allow_image,
                "--allow-unproven": allow_unproven,
            }
        )
        playable, indices = _remote(target, environment, split, shuffle)
    else:
        from openenv_tasksets.open_taskset import open_taskset

        taskset = open_taskset(target, environment=environment, data_dir=data_dir, cache_limit=cache_limit)
        for line in ignored_keys(taskset.declaration):
            say(line)
        choice = read_choice(
            runtime,
            runtime_token_env,
            execution=allow_execution,
            secrets=allow_secret,
            hosts=allow_host,
            images=allow_image,
        )
        playable, indices = _local(taskset, split, where, shuffle, choice, allow_unproven)
    key = _api_key(api_key_env)
    asked = Endpoint(endpoint or "", model or "", key, temperature, max_tokens, timeout, tries)
    player = _policy(policy, asked, playable)
    picked = _picked(indices, offset, limit)
    how = (repeat, concurrency or (_ENDPOINT_CONCURRENCY if policy is None else 1), max_steps)
    raise typer.Exit(_play(playable, picked, player, _Report(output, resume, as_json, playable), how))


def _check(policy: str | None, endpoint: str | None, model: str | None, output: str | None, resume: bool) -> None:
    if (policy is None) == (endpoint is None):
        raise typer.BadParameter("give one of the two", param_hint="--policy / --endpoint")
    if endpoint is not None and not _is_http(endpoint):
        raise typer.BadParameter(f"{endpoint!r} is not a URL such as http://127.0.0.1:8000/v1", param_hint="--endpoint")
    if endpoint is not None and model is None:
        raise typer.BadParameter("--endpoint needs it", param_hint="--model")
    if resume and output in (None, "-"):
        raise typer.BadParameter("it continues a file; name it with --output", param_hint="--resume")


def _is_http(url: str) -> bool:
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # Of the port, or of an address in brackets.
        return False


def _refuse_local_options(given: Mapping[str, object]) -> None:
    for name, value in given.items():
        if value:
            raise typer.BadParameter("a server has it of its own: give it to 'tasksets serve'", param_hint=name)


def _remote(
    url: str, environment: str | None, split: str | None, shuffle: int | None
) -> tuple["Target", Sequence[int]]:
    from openenv_tasksets.target import RemoteTarget
    from openenv_tasksets.task_client import TaskClient

    client = TaskClient(url, environment)
    target = RemoteTarget(client, client.resolve_split(split))
    return target, target.indices(shuffle)


def _local(
    taskset: "Taskset",
    split: str | None,
    where: Sequence[str] | None,
    shuffle: int | None,
    choice: RuntimeChoice,
    allow_unproven: bool,
) -> tuple["Target", Sequence[int]]:
    from openenv_tasksets.cli.where_option import narrow
    from openenv_tasksets.server.host import Host, HostSettings
    from openenv_tasksets.target import LocalTarget

    # A policy may think for as long as it likes.
    settings = HostSettings(session_timeout=None, allow_unproven=allow_unproven)
    host = Host(taskset, choice.of(taskset), consent=choice.consent, settings=settings)
    view = narrow(taskset[taskset.resolve_split(split)], where or ())
    if shuffle is not None:
        view = view.shuffle(shuffle)
    return LocalTarget(host, view.split), view.indices


def _picked(indices: Sequence[int], offset: int, limit: int | None) -> Sequence[int]:
    from openenv_tasksets.loaders.errors import SelectionError
    from openenv_tasksets.loaders.order import MAX_SIZE

    if limit is None and len(indices) > MAX_SIZE:
        raise SelectionError("the split has no end; say with --limit how many tasks to play")
    if not len(indices):
        raise SelectionError("there is no task to play: the split is empty, or no task passes --where")
    picked = indices[offset:][:limit]
    if not len(picked):
        raise SelectionError(f"there is no task to play: of {len(indices):,} tasks, --offset {offset} leaves none")
    return picked


def _policy(function: str | None, endpoint: "Endpoint", target: "Target") -> "Policy":
    from openenv_tasksets.endpoint import EndpointPolicy
    from openenv_tasksets.policy import FunctionPolicy, load_function, text_field

    field = text_field(target.action_schema)
    if function is None:
        return EndpointPolicy(endpoint, field)
    sys.path.insert(0, os.getcwd())
    return FunctionPolicy(load_function(function), field)


def _api_key(variable: str | None) -> str | None:
    if variable is None:
        return os.environ.get(_DEFAULT_API_KEY)
    if variable not in os.environ:
        raise typer.BadParameter(f"{variable} is not set", param_hint="--api-key-env")
    return os.environ[variable]


class _Report:
    """Where the records and the summary go."""

    def __init__(self, output: str | None, resume: bool, as_json: bool, target: "Target") -> None:
        from openenv_tasksets.report import RecordFile

        self._to_stdout = output == "-"
        self._as_json = as_json
        # It reads the rows once, which a run without records does not need.
        self._taskset = "" if output is None else target.identity
        named = None if output in (None, "-") else Path(str(output))
        self._file = None if named is None else RecordFile(named, self._taskset, resume=resume)
        self.found = () if self._file is None else self._file.found

    def write(self, record: "EpisodeRecord") -> None:
        if self._to_stdout:
            write(replace(record, taskset=self._taskset).to_json().decode().rstrip("\n"))
        elif self._file is not None:
            self._file.write(record)

    def close(self, summary: "Summary") -> None:
        import json

        from rich.console import Console

        if self._file is not None:
            self._file.close()
        if not summary.total.episodes:
            return
        if self._as_json:
            (say if self._to_stdout else write)(json.dumps(summary.as_dict(), indent=2))
        else:
            summary.print(Console(stderr=self._to_stdout, highlight=False, markup=False))
        for line in summary.error_lines():
            say(cell(line))


def _play(
    target: "Target", indices: Sequence[int], policy: "Policy", report: _Report, how: tuple[int, int, int]
) -> int:
    """Play, report, and return the exit code; ``how`` is repeat, concurrency and max_steps."""
    import asyncio

    from tqdm import tqdm

    from openenv_tasksets.play import attempts, play
    from openenv_tasksets.report import Summary

    repeat, concurrency, max_steps = how
    summary = Summary(target.success_threshold)
    for record in report.found:
        summary.add(record)
    plan = attempts(target.specs(indices), repeat, {record.key for record in report.found})
    episodes = len(indices) * repeat
    # Only on a terminal, and only once it has taken a second.
    bar = tqdm(total=episodes, initial=len(report.found), unit=" episodes", delay=1, disable=None, leave=False)

    def on_record(record: "EpisodeRecord") -> None:
        report.write(record)
        summary.add(record)
        bar.update()

    try:
        asyncio.run(
            play(
                plan,
                target.open_player,
                policy,
                on_record,
                concurrency=min(concurrency, episodes),
                max_steps=max_steps,
            )
        )
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    finally:
        bar.close()
        report.close(summary)
    return EXIT_EPISODES_FAILED if summary.failures else 0
