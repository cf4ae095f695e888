"""A folder of words and their spelling, and clients of it."""

import contextlib

from sample_taskset import ENVIRONMENT, row, shards

from openenv_tasksets import AutoEnv
from openenv_tasksets.audit.served import served
from openenv_tasksets.installed import find_environment
from openenv_tasksets.server.host import Host
from openenv_tasksets.taskset import Taskset

ROWS = [row(f"w{n}") for n in range(6)]
FILES = {
    "environment.yaml": ENVIRONMENT.replace(", bonus: {value: 4711}", "").encode(),
    **shards("train", [ROWS[:3], ROWS[3:5]]),
    **shards("test", [ROWS[5:]]),
}


@contextlib.contextmanager
def playing_at_a_server(folder, served_folder=None, **options):
    """A client of the folder's taskset, at a server of it or of another one."""
    taskset = Taskset.from_path(served_folder or folder, **options)
    with served(Host(taskset, find_environment(taskset.environment))) as url:
        yield AutoEnv.from_env(folder, base_url=url)
