"""Mixtures are tasksets: served, listed, filtered, streamed and resumed as any other."""

import pickle
from collections import Counter
from typing import Any

import pytest
from mixed_parts import WORDS, math_part, words_part

from openenv_tasksets.consent import Consent
from openenv_tasksets.loaders.errors import SelectionError, StateRefused, TaskNotFound
from openenv_tasksets.mixture import Mixture
from openenv_tasksets.server.host import Host
from openenv_tasksets.task_provider import TaskProvider


class Quiz:
    """Plays either part."""

    def reset(self, prompt: str, answer: str) -> dict[str, Any]:
        self.answer = answer
        return {"prompt": prompt}

    def step(self, action: dict[str, Any]) -> dict[str, Any]:
        return {"reward": float(action["answer"] == self.answer), "done": True}

    @property
    def state(self) -> dict[str, Any]:
        return {}

    def close(self) -> None:
        pass


@pytest.fixture(scope="module")
def math(make_taskset: Any) -> Any:
    return math_part(make_taskset)


@pytest.fixture(scope="module")
def words(make_taskset: Any) -> Any:
    return words_part(make_taskset)


@pytest.fixture(scope="module")
def mixture(math: Any, words: Any) -> Any:
    return Mixture({"math": (math, 0.75), "words": (words, 0.25)})


def test_its_tasks_are_those_of_the_parts_with_ids_of_their_own(mixture: Any, math: Any, words: Any) -> None:
    assert list(mixture) == ["train"]
    assert mixture.num_tasks("train") == 65
    tasks = list(mixture["train"])
    assert len({task.id for task in tasks}) == 65
    assert [task.index for task in tasks] == list(range(65))
    for task, part, own in [(tasks[3], math, 3), (tasks[42], words, 2)]:
        original = part.task("train", own)
        assert task.id == f"{part.environment.id}/{original.id}"
        assert (task.row, task.split) == (own, "train")
        assert (task.arguments(), task.public) == (original.arguments(), original.public)


def test_each_block_of_its_stream_holds_the_parts_in_proportion(mixture: Any) -> None:
    with mixture.stream(stop=4 * 30) as stream:
        parts = [task.id.split("/")[0] for _, task in stream]
    for start in range(0, 120, 4):
        assert Counter(parts[start : start + 4]) == {"math": 3, "words": 1}
    assert parts[:40:4] != parts[1:40:4]


def test_a_stream_resumes_and_belongs_to_its_mixture(mixture: Any, math: Any, words: Any) -> None:
    with mixture.stream(stop=100) as stream:
        whole = [(position, task.id) for position, task in stream]
    with mixture.stream(stop=100) as stream:
        found = [(position, task.id) for position, task in (next(stream) for _ in range(33))]
        state = stream.state_dict()
    with mixture.stream(stop=100) as stream:
        stream.load_state_dict(state)
        assert found + [(position, task.id) for position, task in stream] == whole
    others = [
        Mixture({"math": (math, 3), "words": (words, 2)}),
        Mixture({"math": (math, 3), "words": words}, shuffle_seed=1),
        Mixture({"math": (math, 3), "words": words}, exhaustion="stop"),
        Mixture({"sums": (math, 3), "words": words}),
    ]
    for other in others:
        with pytest.raises(StateRefused, match="this state is of another stream"):
            other.stream().load_state_dict(state)
    Mixture({"math": (math, 3), "words": words}).stream().load_state_dict(state)


def test_parts_repeat_or_the_stream_stops_with_the_first(mixture: Any, math: Any, words: Any) -> None:
    met = Counter(mixture.locate("train", position)[1] for position in range(4 * 200))
    assert min(met.values()) >= 8
    short = Mixture({"math": (math, 1), "words": (words, 1)}, exhaustion="stop")
    with short.stream() as stream:
        tasks = [task for _, task in stream]
    assert len({task.id for task in tasks}) == len(tasks)
    assert Counter(task.id.split("/")[0] for task in tasks)["words"] == 25
    with pytest.raises(TaskNotFound, match=rf"has {len(tasks)} positions, and no position {len(tasks)}: it stops"):
        short.locate("train", len(tasks))
    assert len(short.to_hf()) == len(tasks)


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_host_serves_it(mixture: Any) -> None:
    host = Host(mixture, Quiz, consent=Consent())
    session = await host.open_session()
    try:
        for position in range(20):
            index = mixture.locate("train", position)[1]
            task = mixture.task("train", index)
            assert host.select({"seed": position}).task == task
            assert host.select({"task_id": task.id}).task == task
            assert host.select({}).state()["task_id"] == task.id
    finally:
        await host.release(session)
    specs = TaskProvider(mixture).get_task_range("train", 38, 42)
    assert [spec["id"] for spec in specs] == ["math/m38", "math/m39", "words/train-0", "words/train-1"]


def test_narrowed_parts_and_mixtures_can_be_mixed(mixture: Any, math: Any, words: Any) -> None:
    narrow = math.with_view(math["train"].where(level=1))
    both = Mixture([(narrow, 2), (Mixture([words]), 1)])
    ids = [task.id for task in both["train"]]
    assert ids[:2] == ["0/m1", "0/m4"]
    assert ids[-1] == "1/0/train-24"
    assert both.index_of("train", "1/0/train-24") == len(ids) - 1
    assert [task.row for task in both["train"]][:2] == [1, 4]


def test_it_comes_back_from_pickle(mixture: Any) -> None:
    copy = pickle.loads(pickle.dumps(mixture))
    assert isinstance(copy, Mixture)
    assert copy.split("train").identity == mixture.split("train").identity
    assert copy["train"][50] == mixture["train"][50]


def test_it_has_no_files_to_push(mixture: Any) -> None:
    with pytest.raises(SelectionError, match="a mixture, which has no files of its own"):
        mixture._rows["train"]()


def test_parts_of_other_environments_are_refused(math: Any, make_taskset: Any) -> None:
    def other(**environment: Any) -> Any:
        limits = environment.pop("limits", None)
        task = {"reset": {"prompt": "word"}, **({"limits": limits} if limits else {})}
        return make_taskset(WORDS, task, **environment)

    openenv = {"package": "other", "environment": "other"}
    with pytest.raises(SelectionError, match=r"'a' and 'b' differ in frameworks.openenv; .* with EnvironmentMixture"):
        Mixture({"a": math, "b": other(frameworks={"openenv": openenv})})
    with pytest.raises(SelectionError, match=r"differ in task\.limits"):
        Mixture({"a": math, "b": other(limits={"max_steps": 7})})
    with pytest.raises(SelectionError, match="differ in reward"):
        Mixture({"a": math, "b": other(reward={"range": [0, 5]})})


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda math, _: Mixture({}), "needs at least one part"),
        (lambda math, _: Mixture({"a/b": math}), "text without '/'"),
        (lambda math, _: Mixture({"": math}), "text without '/'"),
        (lambda math, _: Mixture({"a": (math, 0)}), "a weight is a number above 0, not 0"),
        (
            lambda math, _: Mixture([math], exhaustion="cycle"),
            "unknown exhaustion 'cycle'; allowed: repeat, stop",
        ),
        (
            lambda math, make: Mixture([math, make({"dev": WORDS}, {"reset": {"prompt": "word"}})]),
            "no split in",
        ),
    ],
)
def test_what_is_no_mixture_is_refused(math: Any, make_taskset: Any, make: Any, message: str) -> None:
    with pytest.raises(SelectionError, match=message):
        make(math, make_taskset)


def test_a_mixture_with_an_empty_part_has_no_positions(math: Any, make_taskset: Any) -> None:
    empty = make_taskset({"train": []}, {"reset": {"prompt": "word", "answer": "reversed"}})
    with pytest.raises(TaskNotFound, match="split 'train' of part 'none' has no tasks"):
        Mixture({"math": math, "none": empty}).stream()
