"""What OpenEnv's own importer makes of an ORS environment with an answer in its task spec fails the audit.

The generated wrapper hands the whole task spec out: in the observation's metadata, beside the observation, in
the state, and in a Task API of its own.
"""

import importlib
import sys
import textwrap
import warnings

import pytest

from openenv_tasksets.audit.run import audit
from openenv_tasksets.server.app import create_app
from openenv_tasksets.server.host import Host

# The interface of the ORS SDK that the wrapper calls; the SDK itself brings a hundred packages.
SDK = """
    from types import SimpleNamespace


    class Environment:
        def __init__(self, task_spec, secrets=None):
            self.task_spec = task_spec

        def setup(self):
            pass

        def teardown(self):
            pass

        @classmethod
        def list_tools(cls):
            return SimpleNamespace(tools=[{"name": "reply", "input_schema": {"type": "object"}}])

        def list_task_tools(self):
            return SimpleNamespace(tools=[])
"""
SOURCE = """
    from ors.environment import Environment


    class Riddles(Environment):
        @classmethod
        def list_splits(cls):
            return ["train"]

        @classmethod
        def list_tasks(cls, split):
            return [{"question": "What has keys?", "answer": "a piano"}]

        @classmethod
        def num_tasks(cls, split):
            return 1

        @classmethod
        def get_task(cls, split, index):
            return cls.list_tasks(split)[index]

        def get_prompt(self):
            return [{"type": "text", "text": self.task_spec["question"]}]
"""
ROWS = [
    {"task_spec": {"question": "What has keys and no lock?", "answer": "a piano in the hall"}},
    {"task_spec": {"question": "What has teeth and no mouth?", "answer": "a comb of tortoiseshell"}},
]


@pytest.fixture(scope="module")
def imported(tmp_path_factory):
    """The environment class that ``openenv import`` generates."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from openenv.cli.importers.ors import ORSImporter

    root = tmp_path_factory.mktemp("imported")
    source, package = root / "riddles", root / "riddle_env"
    (source / "ors").mkdir(parents=True)
    (source / "ors" / "__init__.py").write_text("")
    (source / "ors" / "environment.py").write_text(textwrap.dedent(SDK))
    (source / "env.py").write_text(textwrap.dedent(SOURCE))
    importer = ORSImporter()
    (detected,) = importer.detect(source)
    package.mkdir()
    importer.generate(source=source, destination=package, env_name="riddle_env", detected=detected)
    sys.path.insert(0, str(root))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield importlib.import_module("riddle_env.server.riddle_env_environment").RiddleEnvironment
    finally:
        sys.path.remove(str(root))


@pytest.mark.slow
def test_it_fails_and_the_places_are_named(imported, make_taskset):
    taskset = make_taskset(ROWS, {"reset": {"task_spec": "task_spec"}})
    report = audit(taskset, imported)
    assert report.verdict == "failed"
    named = {(each.channel, each.message) for check in report.checks for each in check.findings}
    for channel, path in (
        ("reset", "observation.metadata.task_spec.answer"),
        ("reset", "metadata.task_spec.answer"),
        ("state", "task_spec.answer"),
    ):
        assert (channel, f"{path} differs where only hidden 'task_spec' differs") in named
    for channel in ("reset", "state", "POST /reset"):
        assert (channel, "hidden 'task_spec' is in it") in named


@pytest.mark.slow
def test_the_fourth_place_is_its_own_task_api_which_this_server_does_not_serve(imported, make_taskset):
    from starlette.testclient import TestClient

    assert imported().get_task("train", 0)["answer"] == "a piano"
    taskset = make_taskset(ROWS, {"reset": {"task_spec": "task_spec"}})
    answer = TestClient(create_app([Host(taskset, imported)])).post("/quiz/task", json={"split": "train", "index": 0})
    assert answer.json() == {"task": {"id": "train-0", "split": "train", "index": 0, "row": 0}}
