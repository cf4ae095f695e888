"""The shipped checks pass what keeps the contract, and say which sentence anything else breaks."""

import itertools

import openenv_kinds
import pytest
from planted_quiz import ROWS, TASK, Quiz, Remembers

from openenv_tasksets.answer import Answer
from openenv_tasksets.consent import Consent
from openenv_tasksets.loaders.errors import ConsentNeeded, EnvironmentNotFound
from openenv_tasksets.split import Split
from openenv_tasksets.taskset import Taskset
from openenv_tasksets.testing import ContractBroken, check_environment, check_taskset


@pytest.fixture
def taskset(make_taskset):
    return make_taskset(ROWS, TASK)


def sentences(call):
    with pytest.raises(ContractBroken) as caught:
        call()
    assert str(caught.value) == "\n".join(caught.value.sentences)
    return caught.value.sentences


def test_a_taskset_keeps_the_contract(taskset, make_taskset):
    check_taskset(taskset)
    check_taskset(make_taskset({"train": ROWS["train"], "empty": []}, TASK))
    check_taskset(taskset.with_view(taskset["train"].take(2)))


class Odd(Taskset):
    """A taskset that a user wrote, with one thing wrong."""

    def __init__(self, original):
        super().__init__(original.declaration, original.environment, original.splits, {})
        self.original = original
        self.calls = itertools.count()

    def split(self, name=None):
        return self.original.split(name)


def test_a_taskset_whose_tasks_change_is_told(taskset):
    class Changing(Odd):
        def task(self, split, index):
            return self.original.task(split, (index + next(self.calls)) % 2)

    found = sentences(lambda: check_taskset(Changing(taskset)))
    assert "split 'train': Index -1, which is out of range, is refused with TaskNotFound." in found
    assert "split 'train': task 0: The same index gives the same task." in found
    assert "split 'test': Index 3, which is out of range, is refused with TaskNotFound." in found


def test_a_taskset_that_takes_any_split_is_told(taskset):
    class Lax(Odd):
        def resolve_split(self, split):
            return split if split in list(self) else "train"

        def task(self, split, index):
            return self.original.task(self.resolve_split(split), index)

    assert sentences(lambda: check_taskset(Lax(taskset))) == (
        "A split that does not exist is refused with SplitNotFound.",
    )


def test_ids_that_lead_elsewhere_are_told(taskset):
    class Misleading(Odd):
        def index_of(self, split, task_id):
            return 0

    found = sentences(lambda: check_taskset(Misleading(taskset)))
    assert "split 'train': task 4: A task's id leads back to its index." in found
    assert "split 'train': A task id that does not exist is refused with TaskNotFound." in found


def test_an_order_that_repeats_is_told(taskset):
    class Still:
        def locate(self, position):
            return 0, 0

    class StillSplit(Split):
        order = Still()

    class Standing(Odd):
        def split(self, name=None):
            split = self.original.split(name)
            return StillSplit(
                name=split.name,
                type=split.type,
                rows=split.rows,
                binding=split.binding,
                order_kind="sequential",
                identity=(),
            )

    found = sentences(lambda: check_taskset(Standing(taskset)))
    assert "split 'train': An epoch gives every task once." in found
    assert "split 'train': An epoch has as many positions as the split has tasks." in found


def test_values_without_a_json_form_are_told(make_taskset):
    rows = [{"prompt": "p", "answer": "a", "opaque": object()}]
    task = {"reset": {"prompt": "prompt", "answer": "answer"}, "public": ["opaque"]}
    (sentence,) = sentences(lambda: check_taskset(make_taskset(rows, task)))
    assert sentence.startswith("split 'train': task 0: Visible and public values have a JSON form: ")


def test_environments_keep_the_contract(taskset, make_taskset):
    check_environment(Quiz, taskset)
    check_environment(Quiz, reset={"prompt": "p", "answer": "a", "even": True}, action={"reply": "a"})
    question = {"reset": {"prompt": "prompt", "answer": "answer"}, "visible": ["prompt"], "gold": {"answer": "answer"}}
    check_environment(Answer, make_taskset(ROWS, question), arguments={"checker": "exact"})


@pytest.mark.parametrize("name", ["Sync", "Async", "Graded", "AsyncGraded", "Transformed", "OneSession", "OneThread"])
def test_openenv_environments_keep_the_contract_too(name):
    question = {"question": "q", "answer": "a"}
    check_environment(getattr(openenv_kinds, name), reset=question, action={"answer": "a"})


def test_an_environment_that_remembers_is_told(taskset):
    found = sentences(lambda: check_environment(Remembers, taskset))
    assert found[0] == "split 'train': The same task and seed give the same observation."


def test_an_episode_that_is_felt_by_the_next_is_told(taskset):
    class Leftover(Quiz):
        total = 0

        def step(self, action):
            self.total += 1
            seen = super().step(action)
            seen.reward = float(self.total)
            return seen

    found = sentences(lambda: check_environment(Leftover, taskset))
    assert "split 'train': A reset forgets the episode before it: the same action gives the same outcome." in found


def test_sessions_that_share_are_told(taskset):
    made = itertools.count()

    class Numbered(Quiz):
        def __init__(self):
            super().__init__()
            self.number = next(made)

        def hint(self):
            return self.number

    found = sentences(lambda: check_environment(Numbered, taskset))
    assert found[0] == "split 'train': The same task and seed give the same observation in another session."


def test_a_state_without_a_json_form_is_told(taskset):
    class Opaque(Quiz):
        @property
        def state(self):
            return {"self": self}

    found = sentences(lambda: check_environment(Opaque, taskset))
    assert found[0].startswith("split 'train': The state has a JSON form: ")


def test_what_cannot_be_bound_or_was_not_agreed_to_is_an_error(taskset):
    class Runs(Quiz):
        executes_rows = True

    with pytest.raises(ConsentNeeded):
        check_environment(Runs, taskset)
    check_environment(Runs, taskset, consent=Consent(execution=frozenset({"quiz"})))
    with pytest.raises(EnvironmentNotFound):
        check_environment(Answer, taskset)
