"""Rows made by the code of an installed package: found, checked, and walked without end."""

import itertools
import pickle
import sys

import pytest

from openenv_tasksets.loaders.errors import (
    DeclarationError,
    SelectionError,
    SourceError,
    SourceNotInstalled,
    SplitEndless,
    TaskNotFound,
)
from openenv_tasksets.loaders.rows import ENDLESS
from openenv_tasksets.open_inventory import open_inventory
from openenv_tasksets.source import GROUP
from openenv_tasksets.task_provider import TaskProvider
from openenv_tasksets.taskset import Taskset

CODE = """
class Numbers:
    def __init__(self, factor, size):
        self.size, self.factor = size, factor

    def __len__(self):
        return self.size

    def __getitem__(self, index):
        return {"key": f"k{index}", "n": index, "answer": index * self.factor}


def numbers(split, *, factor, sizes=None):
    return Numbers(factor, (sizes or {}).get(split))


def broken(split):
    raise ValueError("no such shop")


unusable = 7
"""
YAML = """\
spec_version: hf-rl-env-0.1
environments:
  - id: sums
    splits: [train, test]
    dataset:
      source: numbers
      arguments: {factor: 3, sizes: {test: 4}}
    task:
      reset: {prompt: n, answer: answer}
      visible: [prompt]
      public: [n]
    frameworks:
      openenv: {package: "made-numbers>=1.0"}
"""


@pytest.fixture
def install(tmp_path, monkeypatch):
    """``install(version, **entry points)``: a distribution on the path, as pip leaves it."""
    monkeypatch.syspath_prepend(str(tmp_path / "site"))

    def make(version="1.0", name="made-numbers", **points):
        info = tmp_path / "site" / f"{name.replace('-', '_')}-{version}.dist-info"
        info.mkdir(parents=True)
        (tmp_path / "site" / "made_numbers.py").write_text(CODE)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        points = points or {"numbers": "made_numbers:numbers"}
        lines = "".join(f"{point} = {value}\n" for point, value in points.items())
        (info / "entry_points.txt").write_text(f"[{GROUP}]\n{lines}")
        return info

    yield make
    sys.modules.pop("made_numbers", None)


def opened(tmp_path, yaml=YAML, **options):
    (tmp_path / "environment.yaml").write_text(yaml)
    return Taskset.from_path(tmp_path, **options)


def test_a_split_may_have_no_end(tmp_path, install):
    install()
    taskset = opened(tmp_path)

    task = taskset.task("train", 10**15)

    assert (task.id, task.index, task.row) == ("train-1000000000000000", 10**15, 10**15)
    assert task.arguments() == {"prompt": 10**15, "answer": 3 * 10**15}
    assert taskset.locate("train", 2**62) == (0, 2**62)
    assert taskset.task_by_id("train-77").index == 77
    assert taskset.split("train").size is None
    assert [task.index for task in itertools.islice(taskset["train"], 3)] == [0, 1, 2]
    assert taskset.num_tasks("test") == 4


def test_a_stream_without_end_resumes(tmp_path, install):
    install()
    taskset = opened(tmp_path)

    with taskset.stream("train", start=5, shard_index=1, shard_count=3) as stream:
        assert [(position, task.index) for position, task in itertools.islice(stream, 3)] == [
            (7, 7),
            (10, 10),
            (13, 13),
        ]
        state = stream.state_dict()
    with taskset.stream("train", shard_index=1, shard_count=3) as again:
        again.load_state_dict(state)
        assert next(again)[0] == 16


def test_what_needs_an_end_is_refused(tmp_path, install):
    install()
    taskset = opened(tmp_path, YAML.replace("reset:", "id: key\n      reset:"))
    view = taskset["train"]

    for ask in (
        lambda: len(view),
        lambda: len(taskset.split("train")),
        lambda: taskset.num_tasks("train"),
        lambda: list(view),
        view.shuffle,
        lambda: view.where(n=3),
        lambda: taskset.index_of("train", "k3"),
        view.finite_pass,
        lambda: taskset.to_hf("train"),
        lambda: view.shard(1, 4).finite_pass(),
    ):
        with pytest.raises(SplitEndless, match="no end"):
            ask()
    with pytest.raises(TaskNotFound, match=rf"no task {ENDLESS} in split 'train'"):
        taskset.task("train", ENDLESS)
    assert repr(view) == "<TaskView of endless of endless tasks of split 'train'>"


def test_a_part_of_it_is_like_any_view(tmp_path, install):
    install()
    view = opened(tmp_path)["train"]

    assert [task.index for task in view.take(3)] == [0, 1, 2]
    assert [task.index for task in view[10**9 : 10**9 + 6 : 3]] == [10**9, 10**9 + 3]
    assert [task.index for task in view.shard(1, 4).take(2)] == [1, 5]
    assert sorted(task.index for task in view.take(20).shuffle(1)) == list(range(20))
    assert len(view.take(5).finite_pass(shard_count=2, tail="pad")) == 3
    assert [task.index for task in view.select([2**62])] == [2**62]


def test_trainers_get_a_part_as_a_table(tmp_path, install):
    install()

    assert opened(tmp_path).to_hf("train", stop=3)["prompt"] == [0, 1, 2]


def test_another_process_makes_the_same_rows(tmp_path, install):
    install()

    assert pickle.loads(pickle.dumps(opened(tmp_path))).task("train", 5) == opened(tmp_path).task("train", 5)


def test_a_part_can_be_served(tmp_path, install):
    install()
    taskset = opened(tmp_path)

    part = taskset.with_view(taskset["train"][100:110])

    assert part.num_tasks("train") == 10
    assert (part.task("train", 3).row, part.index_of("train", "train-103")) == (103, 3)
    assert sorted(part.locate("train", position)[1] for position in range(10)) == list(range(10))


def test_version_and_arguments_are_the_identity(tmp_path, install):
    first = install()
    one = opened(tmp_path).split("train").identity
    other_arguments = opened(tmp_path, YAML.replace("factor: 3", "factor: 4")).split("train").identity
    again = opened(tmp_path, YAML.replace("factor: 3, sizes: {test: 4}", "sizes: {test: 4}, factor: 3")).split("train")
    for file in first.iterdir():
        file.unlink()
    first.rmdir()
    install("1.1")

    assert one == again.identity
    assert len({one, other_arguments, opened(tmp_path).split("train").identity}) == 3


def test_the_task_api_says_what_it_can(tmp_path, install):
    install()
    provider = TaskProvider(opened(tmp_path))

    assert len(provider.list_tasks("train")) == 1000
    assert provider.get_task("train", 2**50)["n"] == 2**50
    assert [spec["index"] for spec in provider.get_task_range("train", 10**9, 10**9 + 2)] == [10**9, 10**9 + 1]
    # OpenEnv's server answers a NotImplementedError with 501.
    with pytest.raises(NotImplementedError):
        provider.num_tasks("train")
    with pytest.raises(NotImplementedError):
        provider.get_task_range("train", 5)
    with pytest.raises(SelectionError, match="at most 1000"):
        provider.get_task_range("train", 0, 2000)


def test_what_is_not_installed_says_what_to_type(tmp_path, install):
    install(members="made_numbers:numbers")

    with pytest.raises(
        SourceNotInstalled, match=r"source 'numbers' is not installed .* pip install 'made-numbers>=1.0'"
    ):
        opened(tmp_path)


def test_a_source_of_two_packages_is_refused(tmp_path, install):
    install()
    install(name="other-numbers")

    with pytest.raises(SourceNotInstalled, match="offered by made-numbers and other-numbers; uninstall all but one"):
        opened(tmp_path)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("made_numbers:gone", r"source 'numbers' \(made_numbers:gone\) cannot be imported: AttributeError"),
        ("gone:numbers", r"cannot be imported: ModuleNotFoundError: No module named 'gone'"),
        ("made_numbers:unusable", "cannot be called"),
    ],
)
def test_code_that_cannot_be_used_says_so(tmp_path, install, value, message):
    install(numbers=value)

    with pytest.raises(SourceError, match=message):
        opened(tmp_path)


def test_a_source_that_raises_says_what_it_says(tmp_path, install):
    install(numbers="made_numbers:broken")
    yaml = YAML.replace("      arguments: {factor: 3, sizes: {test: 4}}\n", "")

    with pytest.raises(
        SourceError, match="source 'numbers' cannot be made for split 'test' .*ValueError: no such shop"
    ):
        opened(tmp_path, yaml).split("test")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("{factro: 3}", r"environment.yaml:7: .*arguments.factro: the source takes no argument 'factro'; did you mean"),
        ("{factor: 3, split: x}", r"environment.yaml:7: .*no argument 'split'"),
        ("{}", r"environments\[0\].dataset: the source needs arguments that are not declared: factor"),
    ],
)
def test_arguments_are_checked_against_the_source(tmp_path, install, arguments, message):
    install()

    with pytest.raises(DeclarationError, match=message):
        opened(tmp_path, YAML.replace("{factor: 3, sizes: {test: 4}}", arguments))


def test_an_order_for_endless_rows_is_refused(tmp_path, install):
    install()
    yaml = YAML.replace("visible:", "order: shuffled\n      visible:")

    with pytest.raises(DeclarationError, match=r"environment.yaml:10: .*order: rows without end come in order"):
        opened(tmp_path, yaml).split("train")
    assert opened(tmp_path, yaml).split("test").order_kind == "shuffled"
    assert opened(tmp_path, yaml.replace("order: shuffled", "order: sequential")).split("train").size is None


def test_rows_made_by_code_have_no_files(tmp_path, install):
    install()
    opened(tmp_path)

    for ask in (
        lambda: open_inventory(tmp_path),
        lambda: Taskset.from_path(tmp_path, lock=tmp_path / "taskset.lock"),
        lambda: Taskset.from_path(tmp_path, data_dir=tmp_path),
    ):
        with pytest.raises(SourceError, match="its rows are made by code, so there are no files of them"):
            ask()
