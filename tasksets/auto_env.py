"""From a reference to a client that plays it: RFC 006's ``AutoEnv.from_env``."""

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from openenv_tasksets.consent import Consent
from openenv_tasksets.open_taskset import open_taskset
from openenv_tasksets.players import LocalPlayer, RemotePlayer
from openenv_tasksets.server.declared_runtime import find_runtime
from openenv_tasksets.server.host import Host
from openenv_tasksets.task_client import TaskClient
from openenv_tasksets.taskset_client import TasksetClient

if TYPE_CHECKING:
    from openenv_tasksets.loaders.hub import Hub


class AutoEnv:
    """Makes clients of tasksets; has no instances."""

    @classmethod
    def from_env(
        cls,
        reference: str | Path,
        *,
        split: str | None = None,
        environment: str | None = None,
        base_url: str | None = None,
        trust_remote_code: bool = False,
        consent: Consent | None = None,
        hub: "Hub | None" = None,
    ) -> TasksetClient:
        """A client of a taskset, whose environment runs in this process, or at a server.

        Reads ``environment.yaml`` before it returns, and opens nothing else. No code is fetched: the environment is
        one that is installed, or the Space or image of the file, if the consent names its host or the image.

        Args:
            reference: ``hf://datasets/{namespace/name}/{environment}@{revision}``, ``namespace/name``, or a folder.
            split: What is played where a reset() names none; None takes ``train``, else the first.
            environment: Which environment of it; may be left out where there is one, or in the reference.
            base_url: A server of this taskset, to play there; None plays in this process.
            trust_remote_code: The user's word that the environment may execute code from its rows, in this process.
            consent: The rest of the user's word, such as for secrets; None is none.
            hub: None takes the Hub of the environment's variables.

        Raises:
            TasksetError: There is no such taskset or split; or, in this process, its environment is not installed or
                lacks the user's consent.
            ServerUnusable: There is no server at ``base_url``, or not of this environment.
        """
        taskset = open_taskset(reference, environment=environment, split=split, hub=hub)
        if base_url is not None:
            url = TaskClient(base_url, taskset.environment.id).base_url
            return TasksetClient(taskset, partial(RemotePlayer.open, url), is_remote=True)
        consent = consent or Consent()
        if trust_remote_code:
            consent = replace(consent, execution=consent.execution | {taskset.environment.id})
        host = Host(taskset, find_runtime(taskset.environment), consent=consent)
        return TasksetClient(taskset, partial(LocalPlayer.open, host), is_remote=False)
