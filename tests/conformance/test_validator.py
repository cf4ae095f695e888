"""OpenEnv's own validation of a running server: the six checks of a URL, and the graders of its episodes."""

import json
import subprocess
import sys
import sysconfig
import warnings
from pathlib import Path
from types import SimpleNamespace

import pytest
from oracle_environments import one_question

PLAN = {
    "plan_schema_version": "1",
    "reset": {"episode_id": "measured", "seed": 7, "options": {"split": "test", "index": 3}},
    "actions": [{"answer": "a"}, {"answer": "c4n4ry-4"}, {}],
}
GRADERS = [f"runtime.{name}" for name in ("startup", "reward_well_formed", "observation_schema", "state_contract")]
MANIFEST = """
spec_version: 1
name: quiz
version: "1.0.0"
type: space
runtime: fastapi
app: server.app:app
port: 8000
validation:
  reward: {range: [0.0, 1.0], floor_margin: 0.5}
  resources: {cpu: 1, memory_mb: 512, disk_mb: 512, episode_timeout_s: 60}
  capabilities: {verifier: {kind: reward_channel}}
  types: {tags: [quiz]}
  execution: {kind: openenv_ws, probe_path: validation/runtime.json}
"""


@pytest.fixture(scope="module")
def validation():
    """What the tests use of OpenEnv's validation."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from openenv.cli._validation import validate_running_environment
        from openenv.validation import Level, ProviderCapability, run_validation
    return SimpleNamespace(
        of_url=validate_running_environment, run=run_validation, Level=Level, Capability=ProviderCapability
    )


class Attached:
    """A provider, as OpenEnv's runner asks for: what it starts is running already."""

    name = "attached"
    supported_network_modes = frozenset({"public"})

    def __init__(self, url, capability):
        self.base_url = url
        self.capabilities = frozenset({capability.IMAGE_BUILD})

    def build(self, root, execution):
        return "sha256:" + "0" * 64

    def start(self, spec):
        return self

    def inspect(self):
        return {}

    def logs(self, max_bytes=65536):
        return ""

    def stop(self):
        pass


def graded(validation, url, folder):
    """The status of every check that OpenEnv's runner makes of a package whose server runs at ``url``."""
    (folder / "validation").mkdir()
    (folder / "openenv.yaml").write_text(MANIFEST)
    (folder / "validation/runtime.json").write_text(json.dumps(PLAN))
    with warnings.catch_warnings():  # of websockets, about how OpenEnv connects
        warnings.simplefilter("ignore", DeprecationWarning)
        report = validation.run(
            folder, max_level=validation.Level.RUNTIME, provider=Attached(url, validation.Capability)
        )
    return {check.check_id: (check.status.value, check.evidence) for check in report.results}


def test_the_six_checks_of_a_url_pass(validation, url):
    report = validation.of_url(url)
    assert report["passed"], report
    assert len(report["criteria"]) == 6
    assert all(criterion["passed"] for criterion in report["criteria"])
    assert report["mode"] == "simulation"


def test_the_six_checks_pass_in_production(validation, server, quiz_environment, quiz_taskset):
    with server.serve(quiz_environment, quiz_taskset, mode="production") as url:
        report = validation.of_url(url)
    assert report["passed"], report
    assert report["mode"] == "production"


def test_the_runtime_graders_pass(validation, server, openenv, quiz_taskset, tmp_path):
    with server.serve(one_question(openenv), quiz_taskset) as url:
        checks = graded(validation, url, tmp_path)
    for name in GRADERS:
        assert checks[name][0] == "pass", checks[name]


@pytest.mark.parametrize(
    ("reward", "step_count", "failed"),
    [(7.0, 1, "reward_well_formed"), (None, 1, "reward_well_formed"), (1.0, 2, "state_contract")],
)
def test_the_runtime_graders_can_fail(validation, server, openenv, quiz_taskset, tmp_path, reward, step_count, failed):
    def step(self, action, timeout_s=None, **kwargs):
        self._state.step_count += step_count
        return type(self).models[1](reward=reward)

    with server.serve(one_question(openenv, step=step), quiz_taskset) as url:
        checks = graded(validation, url, tmp_path)
    assert [name for name in GRADERS if checks[name][0] != "pass"] == [f"runtime.{failed}"]


@pytest.mark.slow
def test_the_validate_command_passes(url):
    command = Path(sysconfig.get_path("scripts")) / "openenv"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", command, "validate", url, "--json"],
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["passed"] is True
