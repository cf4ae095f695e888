"""TRL's spec of a taskset: what the trainer is given; and the trainer itself, playing it."""

import contextlib
import json
import pickle
import statistics
import subprocess
import sys
import time
from collections import Counter

import pytest
from loopback_hub import LoopbackHub
from tool_environment import Guess
from words_folder import FILES

from openenv_tasksets.audit.served import served
from openenv_tasksets.installed import find_environment
from openenv_tasksets.loaders.errors import ConsentNeeded, SelectionError, SplitEndless, SplitNotFound
from openenv_tasksets.loaders.hub import Hub
from openenv_tasksets.server.host import Host, HostSettings
from openenv_tasksets.task_client import ServerUnusable
from openenv_tasksets.taskset import Taskset
from openenv_tasksets.trl import TasksetSpec
from tasksets_examples.humaneval.build import build

ROWS = {
    "train": [{"key": f"k{n}", "question": f"What is {n} + {n}, modulo four?", "sum": 2 * n % 4} for n in range(6)],
    "test": [{"key": f"t{n}", "question": f"What is {n} - {n}?", "sum": 0} for n in range(4)],
}
TASK = {"id": "key", "reset": {"prompt": "question", "answer": "sum"}, "visible": ["prompt"]}
NUMBER = {
    "openenv": {"package": "openenv-tasksets", "environment": "answer", "arguments": {"checker": "number"}},
}
WAYS = ["in this process", "at a server"]


@pytest.fixture(scope="module")
def taskset(make_taskset):
    return make_taskset(ROWS, TASK, id="sums", frameworks=NUMBER)


@contextlib.contextmanager
def spec_of(taskset, way, environment=None, **options):
    """The spec of a taskset, both ways."""
    if way == "in this process":
        with TasksetSpec(taskset, **options) as spec:
            yield spec
        return
    host = Host(taskset, environment or find_environment(taskset.environment))
    with served(host) as url, TasksetSpec(url=url, **options) as spec:
        yield spec


@pytest.fixture(params=WAYS)
def spec(request, taskset):
    with spec_of(taskset, request.param) as spec:
        yield spec


def test_the_dataset_has_a_position_a_row_and_nothing_to_show(spec):
    assert spec.train_dataset[:] == {"seed": [0, 1, 2, 3, 4, 5]}
    assert spec.eval_dataset("test")[:] == {"index": [0, 1, 2, 3], "split": ["test"] * 4}
    assert spec.eval_dataset("train", stop=2)[:] == {"index": [0, 1], "split": ["train"] * 2}
    assert spec.reward_funcs == []


@pytest.mark.parametrize("way", WAYS)
def test_the_positions_may_be_any(taskset, way):
    far = 2**63 - 3
    for options, expected in (
        ({"start": 9}, list(range(9, 15))),
        ({"start": 4, "stop": 20}, list(range(4, 20))),
        ({"split": "test", "start": 1}, [1, 2, 3, 4]),
        ({"start": far, "stop": far + 3}, [far, far + 1, far + 2]),
    ):
        with spec_of(taskset, way, **options) as spec:
            assert spec.train_dataset["seed"][:] == expected


@pytest.mark.parametrize("way", WAYS)
def test_rows_without_end_want_a_stop(way):
    endless = Taskset.from_path("examples/endless")
    with spec_of(endless, way, stop=3) as spec:
        assert len(spec.train_dataset) == 3
    with spec_of(endless, way) as spec, pytest.raises(SplitEndless, match="no end"):
        spec.train_dataset  # noqa: B018
    with spec_of(endless, way) as spec, pytest.raises(SelectionError, match="no split 'tets'"):
        spec.eval_dataset("tets")


def test_neither_the_trainer_nor_torch_is_imported():
    heavy = "trl torch transformers datasets"
    script = (
        "import sys\n"
        "from openenv_tasksets.trl import TasksetSpec\n"
        "with TasksetSpec('examples/questions') as spec:\n"
        "    spec.environment_factory().reset(seed=0)\n"
        f"print([name for name in {heavy!r}.split() if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_rows_are_executed_at_the_users_word_only(tmp_path):
    build(tmp_path)
    with TasksetSpec(tmp_path) as spec, pytest.raises(ConsentNeeded, match="--allow-execution humaneval"):
        spec.environment_factory()
    with TasksetSpec(tmp_path, trust_remote_code=True) as spec:
        assert spec.environment_factory().reset(seed=0)


def test_a_reference_to_the_hub_is_played_at_its_commit(tmp_path):
    with LoopbackHub() as server:
        server.create_repo("acme/words")
        server.commit("acme/words", FILES)
        hub = Hub(server.endpoint, token=server.token, cache_dir=tmp_path, wait=lambda seconds: None)
        with TasksetSpec("hf://datasets/acme/words/spelling@main", hub=hub) as spec:
            assert len(spec.train_dataset) == 5
            assert spec.environment_factory().reset(index=4) == "About 4w terces?"


def test_what_is_wrong_is_said_when_the_spec_is_made(taskset):
    with pytest.raises(SelectionError, match="give a taskset, or url="):
        TasksetSpec()
    with pytest.raises(SelectionError, match="give a taskset, or url="):
        TasksetSpec(taskset, url="http://127.0.0.1:9")
    with pytest.raises(SplitNotFound, match="did you mean 'test'"):
        TasksetSpec(taskset, split="tets")
    with pytest.raises(SelectionError, match="of environment 'sums', not 'other'"):
        TasksetSpec(taskset, environment="other")
    with pytest.raises(ValueError, match="start"):
        TasksetSpec(taskset, start=-1)
    with pytest.raises(ServerUnusable, match="no answer"):
        TasksetSpec(url="http://127.0.0.1:9")
    with spec_of(taskset, "at a server") as spec:
        url = spec._venue.url
        with pytest.raises(SelectionError, match="no split 'tets'"):
            TasksetSpec(url=url, split="tets")


def test_instances_play_apart_and_the_same_position_is_the_same_task(spec, taskset):
    one, two = spec.environment_factory(), spec.environment_factory()
    index = taskset.locate("train", 7)[1]
    question = ROWS["train"][index]["question"]
    assert one.reset(seed=7) == two.reset(seed=7, prompt="of the trainer's own") == question
    assert (one.position, one.task_id, one.index, one.split) == (7, f"k{index}", index, "train")
    one.submit(answer="3.5")
    two.submit(answer=str(ROWS["train"][index]["sum"]))
    assert (one.get_reward(), two.get_reward(), one.done, two.done) == (0.0, 1.0, True, True)
    assert two.reset(index=2, split="test") == "What is 2 - 2?"
    assert (two.task_id, two.position, two.get_reward(), two.done) == ("t2", None, 0.0, False)
    assert type(one) is type(two)
    assert type(one).__name__ == "sums"


def test_the_factory_makes_new_ones_after_close_and_in_another_process(spec):
    factory = spec.environment_factory
    again = pickle.loads(pickle.dumps(factory))
    with contextlib.closing(again):
        assert factory().reset(seed=1) == again().reset(seed=1)
    spec.close()
    spec.close()
    assert factory().reset(seed=1).startswith("What is")


def test_a_session_that_the_server_ended_between_two_updates_is_made_anew(taskset):
    host = Host(taskset, find_environment(taskset.environment), settings=HostSettings(session_timeout=1))
    with served(host) as url, TasksetSpec(url=url) as spec:
        environment = spec.environment_factory()
        environment.reset(seed=0)
        while host.active_sessions:
            time.sleep(0.01)
        environment.reset(seed=3)
        assert environment.position == 3


def model_calling(tool, argument, values):
    """A tiny model that calls a tool with one of the values."""
    import torch
    from tiny_model import calling, tiny_model, tiny_tokenizer

    torch.set_num_threads(1)
    grammar = calling(tool, argument, values)
    tokenizer = tiny_tokenizer([each for each in grammar if len(each) > 1 and not each.startswith("<")] + list(values))
    return tiny_model(tokenizer, grammar), tokenizer


class Recorder:
    """A reward function that scores nothing, and keeps what it is told of each rollout."""

    __name__ = "recorder"

    def __init__(self):
        self.rollouts = []

    def __call__(self, environments, prompts, completions, **columns):
        for environment, prompt, completion in zip(environments, prompts, completions, strict=True):
            calls = [call["function"] for each in completion for call in each.get("tool_calls") or ()]
            state = (environment.position, environment.task_id, environment.get_reward())
            self.rollouts.append((*state, prompt, [call["arguments"] for call in calls]))
        return [None] * len(prompts)


def trainer_of(spec, model, tokenizer, recorder, folder, eval_dataset=None, **settings):
    from trl import GRPOConfig, GRPOTrainer

    settings = {"max_steps": 3, "max_tool_calling_iterations": 1, **settings}
    return GRPOTrainer(
        model=model,
        args=GRPOConfig(
            output_dir=str(folder),
            per_device_train_batch_size=8,
            per_device_eval_batch_size=8,
            num_generations=4,
            max_completion_length=256,
            learning_rate=1e-2,
            logging_steps=1,
            save_strategy="no",
            report_to="none",
            use_cpu=True,
            bf16=False,
            disable_tqdm=True,
            **settings,
        ),
        processing_class=tokenizer,
        train_dataset=spec.train_dataset,
        eval_dataset=eval_dataset,
        environment_factory=spec.environment_factory,
        reward_funcs=[recorder, *spec.reward_funcs],
    )


def groups_of(rollouts):
    return [rollouts[start : start + 4] for start in range(0, len(rollouts), 4)]


trains = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    # TRL, transformers and torch warn of themselves.
    pytest.mark.filterwarnings("ignore"),
]


class TestTheTrainer:
    pytestmark = trains

    @pytest.mark.parametrize("way", WAYS)
    def test_each_group_plays_one_position_and_the_epoch_comes_in_the_samplers_order(self, taskset, way, tmp_path):
        from trl.trainer.utils import RepeatSampler

        model, tokenizer = model_calling("submit", "answer", [f'"{n}"' for n in range(4)])
        before = model.lm_head.weight.detach().clone()
        recorder = Recorder()
        with spec_of(taskset, way) as spec:
            trainer = trainer_of(spec, model, tokenizer, recorder, tmp_path)
            trainer.train()
            sampler = RepeatSampler(spec.train_dataset, 4, batch_size=2, shuffle=True, seed=trainer.args.seed)
        assert [rollout[0] for rollout in recorder.rollouts] == list(sampler)
        groups = groups_of(recorder.rollouts)
        assert all(len({(position, task_id) for position, task_id, *_ in group}) == 1 for group in groups)
        assert Counter(group[0][1] for group in groups) == {f"k{n}": 1 for n in range(6)}

        rows = {row["key"]: row for row in ROWS["train"]}
        assert len(recorder.rollouts) == 24
        for position, task_id, reward, prompt, calls in recorder.rollouts:
            row = ROWS["train"][taskset.locate("train", position)[1]]
            assert row is rows[task_id]
            # The question stands in the prompt, once.
            assert prompt == [{"role": "user", "content": row["question"]}]
            assert reward == float(int(calls[0]["answer"]) == row["sum"])
        rewards = [rollout[2] for rollout in recorder.rollouts]
        assert 0 < sum(rewards) < 24
        logged = [each["rewards/sums/mean"] for each in trainer.state.log_history if "rewards/sums/mean" in each]
        assert logged == [pytest.approx(statistics.mean(rewards[start : start + 8])) for start in (0, 8, 16)]
        assert (model.lm_head.weight != before).any()

    def test_positions_come_in_their_own_order_where_trl_shuffles_none(self, taskset, tmp_path):
        model, tokenizer = model_calling("submit", "answer", ['"1"'])
        recorder = Recorder()
        with TasksetSpec(taskset, start=3, stop=9) as spec:
            trainer_of(spec, model, tokenizer, recorder, tmp_path, shuffle_dataset=False).train()
        assert [group[0][0] for group in groups_of(recorder.rollouts)] == [3, 4, 5, 6, 7, 8]

    def test_an_episode_of_several_calls_earns_their_sum(self, make_taskset, tmp_path):
        rows = [{"key": f"g{n}", "question": f"Guess number {n}.", "answer": n % 3} for n in range(6)]
        task = {"id": "key", "reset": {"question": "question", "answer": "answer"}, "visible": ["question"]}
        model, tokenizer = model_calling("guess", "number", ["0", "1", "2"])
        recorder = Recorder()
        with spec_of(make_taskset(rows, task, id="guess"), "at a server", Guess) as spec:
            trainer_of(spec, model, tokenizer, recorder, tmp_path, max_tool_calling_iterations=2).train()
        answers = {row["key"]: row["answer"] for row in rows}
        for _, task_id, reward, prompt, calls in recorder.rollouts:
            taken = [call["number"] == answers[task_id] for call in calls[:2]]
            expected = [1.0] if taken[0] else [-0.25, 1.0 if taken[1] else -0.25]
            assert reward == sum(expected)
            assert f"Guess number {task_id[1:]}." in json.loads(prompt[0]["content"])["metadata"]["question"]
        assert {rollout[2] for rollout in recorder.rollouts} >= {1.0, 0.75, -0.5}

    def test_another_split_is_evaluated_by_the_same_environments(self, taskset, tmp_path):
        model, tokenizer = model_calling("submit", "answer", ['"0"', '"1"'])
        recorder = Recorder()
        with TasksetSpec(taskset) as spec:
            trainer = trainer_of(spec, model, tokenizer, recorder, tmp_path, spec.eval_dataset("test"))
            metrics = trainer.evaluate()
        assert Counter(rollout[1] for rollout in recorder.rollouts) == {f"t{n}": 4 for n in range(4)}
        assert metrics["eval_rewards/sums/mean"] == pytest.approx(
            statistics.mean(call[0]["answer"] == "0" for *_, call in recorder.rollouts)
        )

    def test_several_specs_train_together(self, taskset, make_taskset, tmp_path):
        from datasets import concatenate_datasets
        from trl import GRPOConfig, GRPOTrainer

        rows = [{"key": f"d{n}", "question": f"What is {n} - {n}?", "sum": 0} for n in range(2)]
        other = make_taskset(rows, TASK, id="differences", frameworks=NUMBER)
        model, tokenizer = model_calling("submit", "answer", ['"0"', '"2"'])
        recorder = Recorder()
        with TasksetSpec(taskset, stop=2) as sums, TasksetSpec(other) as differences:
            specs = {"sums": sums, "differences": differences}
            parts = [spec.train_dataset.add_column("environment", [name] * 2) for name, spec in specs.items()]
            trainer = GRPOTrainer(
                model=model,
                args=GRPOConfig(
                    output_dir=str(tmp_path),
                    per_device_train_batch_size=16,
                    num_generations=4,
                    max_tool_calling_iterations=1,
                    max_steps=1,
                    use_cpu=True,
                    bf16=False,
                    report_to="none",
                ),
                processing_class=tokenizer,
                train_dataset=concatenate_datasets(parts),
                environment_factory={name: spec.environment_factory for name, spec in specs.items()},
                reward_funcs=recorder,
            )
            trainer.train()
        played = Counter(rollout[1] for rollout in recorder.rollouts)
        ids = [taskset["train"][taskset.locate("train", position)[1]].id for position in range(2)]
        assert played == dict.fromkeys([*ids, "d0", "d1"], 4)
        assert trainer.reward_func_names == ["recorder", "sums", "differences"]

    def test_without_the_dataset_the_members_of_a_group_would_play_different_tasks_which_is_refused(
        self, taskset, tmp_path
    ):
        from trl import GRPOConfig, GRPOTrainer

        model, tokenizer = model_calling("submit", "answer", ['"0"'])
        with TasksetSpec(taskset) as spec:
            trainer = GRPOTrainer(
                model=model,
                args=GRPOConfig(output_dir=str(tmp_path), max_steps=1, use_cpu=True, bf16=False, report_to="none"),
                processing_class=tokenizer,
                environment_factory=spec.environment_factory,
            )
            with pytest.raises(SelectionError, match="give the trainer the spec's train_dataset"):
                trainer.train()
