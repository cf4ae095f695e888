"""What a reset() selects: every combination of selectors, and what the environment then gets."""

from dataclasses import replace

import pytest

from openenv_tasksets.environment import Accepts
from openenv_tasksets.episode import select
from openenv_tasksets.loaders.errors import SelectionError, SplitNotFound, TaskNotFound
from openenv_tasksets.loaders.order import derive_seed
from openenv_tasksets.task import Hidden, Task

SIZES = {"test": 4, "train": 10}
ROW = {"prompt": "the row's prompt"}


class Tasks:
    """Two splits; position p is the task 7p mod n of epoch p div n."""

    def __init__(self, bound=ROW):
        self.bound = bound

    def resolve_split(self, split):
        if split is not None and split not in SIZES:
            raise SplitNotFound(f"no split {split!r}")
        return split or "train"

    def task(self, split, index):
        if not 0 <= index < SIZES[split]:
            raise TaskNotFound(f"no task {index}")
        return Task(f"{split}-{index}", split, index, index, {}, {"level": index}, Hidden(self.bound), Hidden({}))

    def index_of(self, split, task_id):
        name, _, index = task_id.rpartition("-")
        if name != split or not index.isdecimal():
            raise TaskNotFound(f"no task with id {task_id!r}")
        return int(index)

    def locate(self, split, position):
        epoch, place = divmod(position, SIZES[split])
        return epoch, place * 7 % SIZES[split]

    def columns(self, split):
        return ("prompt", "topic", "splits")


TAKES_SEED = Accepts(frozenset({"prompt", "seed", "episode_id", "mood"}), False, frozenset())
TAKES_NO_SEED = Accepts(frozenset({"prompt"}), False, frozenset())
TAKES_ANYTHING = Accepts(frozenset({"prompt"}), True, frozenset())


def next_position(split):
    return {"train": 23, "test": 9}[split]


def choose(request, *, bound=ROW, accepted=TAKES_SEED, following=next_position, strict=False):
    return select(request, Tasks(bound), accepted, following, strict=strict)


SPLITS = {"absent": {}, "none": {"split": None}, "first": {"split": "test"}, "unknown": {"split": "dev"}}
NAMES = {
    "neither": lambda split: {},
    "nones": lambda split: {"index": None, "task_id": None},
    "index": lambda split: {"index": 3},
    "task_id": lambda split: {"task_id": f"{split}-3"},
    "agreeing": lambda split: {"index": 3, "task_id": f"{split}-3"},
    "disagreeing": lambda split: {"index": 2, "task_id": f"{split}-3"},
}
SEEDS = {"absent": {}, "none": {"seed": None}, "given": {"seed": 17}}
BOUND = {"no seed": ROW, "a seed": {**ROW, "seed": 5}}
ACCEPTED = {"takes a seed": TAKES_SEED, "takes none": TAKES_NO_SEED, "takes anything": TAKES_ANYTHING}
LABELS = {"absent": {}, "given": {"episode_id": "mine"}}
UNSEEDED = {"next": next_position, "refuse": None}


@pytest.mark.parametrize("unseeded", UNSEEDED)
@pytest.mark.parametrize("label", LABELS)
@pytest.mark.parametrize("accepted", ACCEPTED)
@pytest.mark.parametrize("bound", BOUND)
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("split", SPLITS)
def test_every_combination(split, name, seed, bound, accepted, label, unseeded):
    meant = "test" if split == "first" else "train"
    request = {**SPLITS[split], **NAMES[name](meant), **SEEDS[seed], **LABELS[label]}
    named, seeded = name not in ("neither", "nones"), seed == "given"

    def chosen():
        return choose(request, bound=BOUND[bound], accepted=ACCEPTED[accepted], following=UNSEEDED[unseeded])

    if split == "unknown":
        with pytest.raises(SplitNotFound, match="no split 'dev'"):
            chosen()
        return
    if name == "disagreeing":
        with pytest.raises(SelectionError, match=f"index 2 and task_id '{meant}-3' disagree: that task has index 3"):
            chosen()
        return
    if not named and not seeded and unseeded == "refuse":
        with pytest.raises(SelectionError, match="refuses a reset.. that names no task: give 'seed'"):
            chosen()
        return

    episode = chosen()
    # Where: an index or id is the task; else the seed is a position; else the server's own next one.
    position = None if named else 17 if seeded else next_position(meant)
    epoch, index = (0, 3) if position is None else Tasks().locate(meant, position)
    assert (episode.task.split, episode.task.index, episode.position) == (meant, index, position)
    # The environment's own seed: the row's, else the client's beside a name, else derived from task and epoch.
    derived = derive_seed(f"{meant}-{index}", epoch)
    own = 5 if bound == "a seed" else 17 if named and seeded else derived
    assert episode.seed == own
    expected = dict(BOUND[bound])
    if accepted != "takes none" or bound == "a seed":
        expected["seed"] = own
    if label == "given" and accepted != "takes none":
        expected["episode_id"] = "mine"
    assert episode.arguments == expected
    assert (episode.episode_id, episode.ignored) == (LABELS[label].get("episode_id"), ())


@pytest.mark.parametrize(
    ("request_", "error", "message"),
    [
        ({"split": 3}, SelectionError, "split is text, not 3"),
        ({"split": ["test"]}, SelectionError, r"split is text, not \['test'\]"),
        ({"split": ""}, SplitNotFound, "no split ''"),
        ({"task_id": 3}, SelectionError, "task_id is text, not 3"),
        ({"episode_id": 3}, SelectionError, "episode_id is text, not 3"),
        ({"index": "3"}, SelectionError, "index is a whole number, not '3'"),
        ({"index": 3.0}, SelectionError, "index is a whole number, not 3.0"),
        ({"index": True}, SelectionError, "index is a whole number, not True"),
        ({"index": float("nan")}, SelectionError, "index is a whole number, not nan"),
        ({"index": [3]}, SelectionError, r"index is a whole number, not \[3\]"),
        ({"index": -1}, TaskNotFound, "no task -1"),
        ({"index": 10}, TaskNotFound, "no task 10"),
        ({"index": 10**30}, TaskNotFound, f"no task {10**30}"),
        ({"task_id": "nowhere"}, TaskNotFound, "no task with id 'nowhere'"),
        ({"task_id": ""}, TaskNotFound, "no task with id ''"),
        ({"task_id": "test-1", "split": "train"}, TaskNotFound, "no task with id 'test-1'"),
        ({"task_id": "train-1", "index": -1}, SelectionError, "index -1 and task_id 'train-1' disagree"),
        ({"seed": "3"}, SelectionError, "seed is a whole number, not '3'"),
        ({"seed": 1.5}, SelectionError, "seed is a whole number, not 1.5"),
        ({"seed": False}, SelectionError, "seed is a whole number, not False"),
        ({"seed": -1}, SelectionError, r"seed is a position, in \[0, 2\*\*63\), not -1"),
        ({"seed": 2**63}, SelectionError, r"seed is a position, in \[0, 2\*\*63\), not 9223372036854775808"),
        (
            {"seed": -1, "index": 1},
            SelectionError,
            r"the environment's seed \(beside an index or task_id\), in \[0, 2\*\*32\)",
        ),
        (
            {"seed": 2**32, "task_id": "train-1"},
            SelectionError,
            r"the environment's seed .* in \[0, 2\*\*32\), not 4294967296",
        ),
        ({"split": "x" * 10_000, "index": [0] * 10_000}, SplitNotFound, "no split"),
        ({"index": "x" * 10_000}, SelectionError, "index is a whole number, not 'x{59}$"),
    ],
)
def test_a_malformed_selector_says_what_it_should_be(request_, error, message):
    with pytest.raises(error, match=message):
        choose(request_)


@pytest.mark.parametrize(
    ("request_", "position", "seed"),
    [
        ({"seed": 0}, 0, None),
        ({"seed": 2**63 - 1}, 2**63 - 1, None),
        ({"seed": 0, "index": 1}, None, 0),
        ({"seed": 2**32 - 1, "index": 1}, None, 2**32 - 1),
    ],
)
def test_the_ends_of_the_ranges_are_in_them(request_, position, seed):
    episode = choose(request_)
    assert episode.position == position
    assert seed in (None, episode.seed)


def test_a_task_has_another_seed_in_another_epoch_and_the_same_at_the_same_position():
    first, again, later = choose({"seed": 3}), choose({"seed": 3}), choose({"seed": 13})
    assert first.task.id == later.task.id
    assert first.seed == again.seed != later.seed


def test_a_named_task_has_the_seed_of_its_first_epoch():
    assert choose({"index": 1}).seed == choose({"seed": 3}).seed


@pytest.mark.parametrize("name", ["split", "index", "task_id", "episode_id"])
def test_a_row_may_bind_an_argument_named_like_a_selector(name):
    request = {"split": "test", "index": 1, "task_id": "test-1", "episode_id": "mine"}
    episode = choose(request, bound={**ROW, name: "the row's"}, accepted=TAKES_ANYTHING)
    assert episode.arguments[name] == "the row's"
    assert (episode.task.id, episode.episode_id) == ("test-1", "mine")


@pytest.mark.parametrize("name", ["split", "index", "task_id"])
def test_selectors_are_consumed_also_where_the_environment_takes_their_names(name):
    accepted = Accepts(frozenset({"prompt", name}), True, frozenset())
    assert choose({"split": "test", "index": 1, "task_id": "test-1"}, accepted=accepted).arguments.keys() == {
        "prompt",
        "seed",
    }


def test_a_seed_that_the_row_binds_may_be_anything():
    episode = choose({"index": 1}, bound={"seed": "red"})
    assert episode.arguments["seed"] == "red"
    assert episode.seed == derive_seed("train-1", 0)


def test_a_label_that_the_environment_requires_is_always_given():
    accepted = Accepts(frozenset({"prompt", "episode_id"}), False, frozenset({"episode_id"}))
    assert choose({}, accepted=accepted).arguments["episode_id"] is None
    assert choose({"episode_id": "mine"}, accepted=accepted).arguments["episode_id"] == "mine"


def test_a_clients_value_for_a_bound_argument_is_discarded():
    episode = choose({"index": 0, "prompt": "the client's"})
    assert episode.arguments["prompt"] == "the row's prompt"
    assert episode.ignored == ("prompt",)


def test_a_clients_value_for_an_argument_that_only_the_environment_has_is_given():
    assert choose({"index": 0, "mood": "calm"}).arguments["mood"] == "calm"
    assert "mood" not in choose({"index": 0, "mood": None}).arguments


def test_unknown_arguments_are_dropped_and_named_in_order():
    episode = choose({"index": 0, "zebra": 1, "answer": 42, "topic": None})
    assert episode.ignored == ("answer", "zebra")
    assert episode.arguments.keys() == {"prompt", "seed"}


def test_an_environment_that_takes_anything_gets_unknown_arguments():
    episode = choose({"index": 0, "answer": 42}, accepted=TAKES_ANYTHING)
    assert (episode.arguments["answer"], episode.ignored) == (42, ())


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("spilt", "split"),
        ("Split", "split"),
        ("idx", "index"),
        ("Index", "index"),
        ("indx", "index"),
        ("taskid", "task_id"),
        ("task-id", "task_id"),
        ("seeds", "seed"),
        ("seeed", "seed"),
    ],
)
@pytest.mark.parametrize("accepted", [TAKES_SEED, TAKES_ANYTHING])
def test_a_misspelled_selector_is_refused_with_the_one_that_was_meant(name, meant, accepted):
    message = f"unknown reset.. argument '{name}'; did you mean '{meant}'\\? Selectors are: split, index, task_id, seed"
    with pytest.raises(SelectionError, match=message):
        choose({name: 1}, accepted=accepted)


@pytest.mark.parametrize("name", ["topic", "reward", "text", "id", "task", "x" * 1_000_000])
def test_another_name_is_no_misspelling(name):
    assert choose({name: 1}).ignored == (name,)


def test_a_columns_name_is_no_misspelling_unless_strict():
    assert choose({"splits": 1}).ignored == ("splits",)
    with pytest.raises(SelectionError, match="did you mean 'split'"):
        choose({"splits": 1}, strict=True)


def test_an_argument_of_the_environments_is_no_misspelling():
    accepted = replace(TAKES_SEED, names=TAKES_SEED.names | {"seeds"})
    assert choose({"seeds": 3}, accepted=accepted, strict=True).arguments["seeds"] == 3


@pytest.mark.parametrize("name", ["prompt", "topic"])
def test_strict_refuses_every_argument_that_would_be_ignored(name):
    with pytest.raises(SelectionError, match=f"argument '{name}' would be ignored, and this server is strict"):
        choose({"index": 0, name: 1}, strict=True)
    assert choose({"index": 0, "mood": "calm", name: None}, strict=True).ignored == ()


def test_a_refused_request_takes_no_position():
    taken = []
    for request in ({"spilt": 1}, {"split": "dev"}, {"seed": -1}, {"index": 99}):
        with pytest.raises(SelectionError):
            choose(request, following=lambda split: taken.append(split) or 0)
    assert taken == []


@pytest.mark.parametrize(
    ("request_", "state"),
    [
        (
            {"index": 3, "episode_id": "mine"},
            {
                "episode_id": "mine",
                "task_id": "train-3",
                "split": "train",
                "index": 3,
                "position": None,
                "public": {"level": 3},
            },
        ),
        (
            {"seed": 1, "split": "test"},
            {"task_id": "test-3", "split": "test", "index": 3, "position": 1, "public": {"level": 3}},
        ),
    ],
)
def test_state_tells_the_trainer_what_it_got_and_nothing_hidden(request_, state):
    assert choose(request_).state() == state
