"""verifiers' own evaluation, unmodified, of its ``OpenEnvTaskset`` at our server; a script replies as the model.

verifiers runs its chat program with uv, which would install what the program needs: this interpreter has it.
"""

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from planted_quiz import ROWS, TASK, Quiz
from scripted_chat import chatting
from tool_environment import Guess

from openenv_tasksets.answer import Answer
from openenv_tasksets.audit.served import served
from openenv_tasksets.server.host import Host
from openenv_tasksets.taskset import Taskset

pytestmark = pytest.mark.timeout(600)

QUESTIONS = Path(__file__).parents[2] / "examples" / "questions"
UV = f"""#!/bin/sh
case "$*" in
  *--help*) echo --script ;;
  "sync --script "*) ;;
  "python find --script "*) echo {shlex.quote(sys.executable)} ;;
  *) exit 1 ;;
esac
"""


@pytest.fixture
def evaluate(tmp_path):
    """``evaluate(host, resets, reply, rollouts=2)``: what verifiers' evaluation recorded of each rollout."""

    def run(host, resets, reply, *, rollouts=1):
        uv = tmp_path / "bin" / "uv"
        uv.parent.mkdir()
        uv.write_text(UV)
        uv.chmod(0o755)
        with served(host) as url, chatting(reply) as (endpoint, _asked):
            config = {
                "model": "scripted",
                "push": False,
                "num_rollouts": rollouts,
                "output_dir": str(tmp_path),
                "run": {"name": "run"},
                "client": {"base_url": endpoint, "api_key_var": "SCRIPTED_KEY"},
                "env": {
                    "taskset": {"id": "openenv", "base_url": url, "resets": resets},
                    "player": {"harness": {"id": "null"}, "runtime": {"type": "subprocess"}, "max_turns": 6},
                },
            }
            (tmp_path / "eval.json").write_text(json.dumps(config))
            command = [Path(sys.executable).with_name("vf-eval"), "@", tmp_path / "eval.json", "--no-rich"]
            environment = {
                "PATH": f"{uv.parent}{os.pathsep}{os.environ['PATH']}",
                "HOME": str(tmp_path),
                "SCRIPTED_KEY": "no secret",
                # Whoever would ask another host finds nobody.
                **dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"), "http://127.0.0.1:9"),
                "NO_PROXY": "127.0.0.1,localhost",
            }
            done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        episodes = [json.loads(line) for line in (tmp_path / "run" / "traces.jsonl").read_text().splitlines()]
        return sorted((episode["traces"][0] for episode in episodes), key=lambda trace: trace["task"]["data"]["idx"])

    return run


def reward(trace):
    return trace["rewards"]["openenv_reward"]["score"]


def first_observation(trace):
    return json.loads(trace["nodes"][0]["message"]["content"])["observation"]


def last_asked(messages):
    """The observation that the model is to answer."""
    return json.loads(messages[-1]["content"])["observation"]


def test_positions_are_tasks_and_every_rollout_of_one_is_the_same(evaluate):
    taskset = Taskset.from_path(QUESTIONS)
    host = Host(taskset, Answer)
    tasks = {task.visible["prompt"]: task for task in taskset["test"]}

    def reply(messages):
        task = tasks[last_asked(messages)["prompt"]]
        return f"It is\n#### {task.gold.reveal()['answer'].rpartition(' ')[2] if task.index % 3 else 'unknown'}"

    traces = evaluate(host, [{"seed": position} for position in range(12)], reply, rollouts=2)
    assert len(traces) == 24
    for number, trace in enumerate(traces):
        position = number // 2
        index = taskset.locate("test", position)[1]
        assert trace["task"]["data"]["reset"] == {"seed": position}
        assert first_observation(trace)["prompt"] == taskset["test"][index].visible["prompt"]
        assert (trace["errors"], reward(trace)) == ([], float(index % 3 > 0))


def test_rewards_of_several_turns_are_summed(evaluate, make_taskset):
    host = Host(make_taskset(ROWS, TASK), Quiz)
    answers = {row["prompt"]: row["answer"] for row in (*ROWS["train"], *ROWS["test"])}

    def reply(messages):
        if len(messages) == 1:
            return "my first guess"
        return answers[last_asked(messages)["prompt"]]

    resets = [{"split": "test", "index": 1}, {"split": "train", "task_id": "train-4"}]
    traces = evaluate(host, resets, reply)
    prompts = [first_observation(trace)["prompt"] for trace in traces]
    assert prompts == ["test: which word is number 1 of the list?", "train: which word is number 4 of the list?"]
    assert [(reward(trace), trace["errors"], len(trace["calls"])) for trace in traces] == [(1.0, [], 2)] * 2


# OpenEnv 0.4 warns of what FastMCP 4 has new names for, and lists no tools where that is an error.
@pytest.mark.filterwarnings("ignore")
def test_an_environments_tools_are_called(evaluate, make_taskset):
    rows = [{"q": "Which number?", "a": 7}]
    host = Host(make_taskset(rows, {"reset": {"question": "q", "answer": "a"}}), Guess)

    def reply(messages):
        tools = json.loads(messages[0]["content"])["action_schema"]["available_tools"]
        assert {tool["name"] for tool in tools} == {"guess", "add", "fail"}
        number = 6 if len(messages) == 1 else 7
        return json.dumps({"type": "call_tool", "tool_name": "guess", "arguments": {"number": number}})

    (trace,) = evaluate(host, [{"seed": 0}], reply)
    assert (trace["errors"], reward(trace)) == ([], 0.75)


def test_a_bare_number_is_no_text_to_verifiers_and_its_rollout_fails(evaluate, make_taskset):
    """A limit of verifiers: it reads the reply 36 as JSON, and an action's text field takes no number."""
    rows = [{"q": "What is 6 * 6?", "a": 36}]
    host = Host(
        make_taskset(rows, {"reset": {"prompt": "q", "answer": "a"}, "visible": ["prompt"]}),
        Answer,
        arguments={"checker": "number"},
    )
    (trace,) = evaluate(host, [{"seed": 0}], lambda messages: "36")
    assert [error["message"] for error in trace["errors"]] == ["Server error: Invalid message (code: VALIDATION_ERROR)"]
    assert trace["rewards"] == {}
