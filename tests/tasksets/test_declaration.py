import copy
import pickle

import pytest

from openenv_tasksets.declaration import (
    RESERVED_IDS,
    SPEC_VERSION,
    Declaration,
    EnvironmentDeclaration,
    Frameworks,
    OpenEnvRuntime,
    Origin,
    SplitDeclaration,
    TaskDeclaration,
    minor_version,
    named_split,
    with_origin,
)
from openenv_tasksets.loaders.errors import DeclarationError, Issue, SelectionError

FRAMEWORKS = Frameworks(openenv=OpenEnvRuntime(min_version=">=0.10.0", package="acme-env"))


def environment(name="maths", **values):
    return {"id": name, "frameworks": FRAMEWORKS, **values}


def declared(*environments):
    return Declaration(spec_version=SPEC_VERSION, environments=environments or (environment(),))


def mistakes(model=EnvironmentDeclaration, **values):
    with pytest.raises(DeclarationError) as caught:
        model(**values)
    return [f"{issue.path}: {issue.message}" for issue in caught.value.issues]


def test_a_declaration_is_built_from_parts_or_from_mappings():
    parts = Declaration(
        spec_version=SPEC_VERSION, environments=(EnvironmentDeclaration(id="maths", frameworks=FRAMEWORKS),)
    )
    assert parts == declared()
    assert (parts.source, parts.warnings, parts.origin) == (None, (), Origin())


def test_the_mistakes_of_all_parts_come_together():
    found = mistakes(
        Declaration,
        spec_version="x",
        environments=[environment("a b"), environment("a", titel=1), {"id": "A", "task": {"visible": 1}}],
    )
    assert [each.split(": ")[0] for each in found] == [
        "spec_version",
        "environments[2].id",
        "environments[0].id",
        "environments[1].titel",
        "environments[2].task.visible",
        "environments[2].frameworks",
    ]
    assert found[-1].endswith("required, but missing")


@pytest.mark.parametrize("version", ["", "hf-rl-env-1.0", "hf-rl-env-0", "hf-rl-env-0.0", "hf-rl-env-0.01", "0.1"])
def test_another_major_version_is_refused(version):
    assert minor_version(version) is None
    assert mistakes(Declaration, spec_version=version, environments=[environment()])


def test_minor_versions_are_numbers():
    assert minor_version(SPEC_VERSION) == 1
    assert minor_version("hf-rl-env-0.23") == 23


def test_there_is_at_least_one_environment():
    assert mistakes(Declaration, spec_version=SPEC_VERSION, environments=[]) == [
        "environments: expected at least one environment; got none"
    ]
    assert mistakes(Declaration, spec_version=SPEC_VERSION, environments="maths") == [
        "environments: expected a list; got 'maths'"
    ]


def test_ids_are_unique_in_any_case():
    assert mistakes(
        Declaration, spec_version=SPEC_VERSION, environments=[environment("a"), environment("b"), environment("A")]
    ) == ["environments[2].id: the id 'A' is that of environments[0] too (in any case)"]


@pytest.mark.parametrize("name", ["a", "A-b_c.d", "0", "x" * 96])
def test_ids(name):
    assert EnvironmentDeclaration(**environment(name)).id == name


@pytest.mark.parametrize("name", ["", ".a", "-a", "a/b", "a b", "ä", "x" * 97, "a\n", 1, None])
def test_what_is_no_id(name):
    (message,) = mistakes(**environment(name))
    assert message.startswith("id: expected an id (letters, digits, '.', '_', '-'; at most 96)")


def test_the_servers_routes_are_no_ids():
    routes = (
        "health metadata schema reset step state ws mcp web docs redoc openapi.json list_environments harness metrics"
    )
    assert frozenset(routes.split()) == RESERVED_IDS
    for name in RESERVED_IDS:
        for given in (name, name.upper()):
            assert mistakes(**environment(given)) == [
                f"id: {given!r} is the name of a route of the server; choose another id"
            ]


@pytest.mark.parametrize(
    ("splits", "types"),
    [
        ((), {}),
        (
            ["train", "validation", "test", "holdout"],
            {"train": "train", "validation": "validation", "test": "test", "holdout": "validation"},
        ),
        ({"holdout": "test", "train": "train"}, {"holdout": "test", "train": "train"}),
        ((SplitDeclaration(name="a", type="test"), "b"), {"a": "test", "b": "validation"}),
    ],
)
def test_splits_are_names_or_types_by_name(splits, types):
    found = EnvironmentDeclaration(**environment(splits=splits)).splits
    assert {split.name: split.type for split in found} == types


@pytest.mark.parametrize(
    ("splits", "message"),
    [
        (["a", "b", "a"], "splits[2]: the split 'a' is listed twice"),
        (["a b"], "splits[0]: expected a split's name"),
        (["a..b"], "splits[0]: expected a split's name (letters, digits, '_', '-' and single dots); got 'a..b'"),
        ({"a": "tset"}, "splits.a: expected 'train', 'validation' or 'test'; got 'tset'"),
        ({"a/b": "test"}, "splits.a/b: expected a split's name"),
        ("train", "splits: expected a list; got 'train'"),
    ],
)
def test_one_mistake_in_splits_is_one_issue(splits, message):
    (given,) = mistakes(**environment(splits=splits))
    assert given.startswith(message)


@pytest.mark.parametrize(("name", "kind"), [("train", "train"), ("test", "test"), ("dev", "validation")])
def test_the_name_of_a_split_gives_its_type(name, kind):
    assert named_split(name) == SplitDeclaration(name=name, type=kind)


def test_a_wrong_split_does_not_hide_a_repeated_one():
    found = mistakes(**environment(splits=["train", "train", "a b"]))
    assert [each.split(" (")[0] for each in found] == [
        "splits[1]: the split 'train' is listed twice",
        "splits[2]: expected a split's name",
    ]


def test_keys_are_text():
    assert mistakes(id="a", frameworks={1: {}}) == ["frameworks[1]: Keys should be strings; got 1"]


def test_an_order_is_for_a_declared_split():
    task = {"order": {"tset": "blocks"}}
    assert mistakes(**environment(splits=["train", "test"], task=task)) == [
        "task.order.tset: no split 'tset'; did you mean 'test'? There are: 'train', 'test'"
    ]
    assert EnvironmentDeclaration(**environment(task=task)).task == TaskDeclaration(order={"tset": "blocks"})


def test_a_wrong_order_does_not_hide_an_unknown_split():
    task = {"order": {"trian": "shuffled", "train": "random"}, "limits": {"max_steps": 0}}
    found = mistakes(**environment(splits=["train"], task=task))
    assert [each.split(";")[0] for each in found] == [
        "task.order.trian: no split 'trian'",
        "task.order.train: expected 'shuffled', 'sequential' or 'blocks'",
        "task.limits.max_steps: expected a whole number of at least 1",
    ]


def test_a_wrong_split_does_not_hide_one_that_an_order_names_in_vain():
    task = {"order": {"trian": "shuffled", "test": "blocks"}}
    found = mistakes(**environment(splits=["train", "test", "a b", {}], task=task))
    assert [each.split(";")[0].split(" (")[0] for each in found] == [
        "task.order.trian: no split 'trian'",
        "splits[2]: expected a split's name",
        "splits[3]: expected a split's name",
    ]


def test_what_is_no_splits_name_is_one_mistake_in_an_order():
    (message,) = mistakes(**environment(splits=["train"], task={"order": {"a b": "blocks"}}))
    assert message.startswith('task.order["a b"]: expected a split\'s name')


def test_an_environment_is_found_by_its_id_in_any_case():
    two = declared(environment("Maths"), environment("chess"))
    assert two.environment("maths") is two.environments[0]
    assert declared().environment() == EnvironmentDeclaration(**environment())
    with pytest.raises(SelectionError, match=r"several environments; name one. There are: 'Maths', 'chess'"):
        two.environment()
    with pytest.raises(SelectionError, match=r"no environment 'ches'; did you mean 'chess'\?"):
        two.environment("ches")


def test_where_it_came_from_is_no_part_of_a_declarations_value():
    issue = Issue("a", "b", 1)
    located = with_origin(declared(), Origin(data=b"x", source="file.yaml", warnings=(issue,)))
    assert located == declared()
    assert (located.source, located.warnings) == ("file.yaml", (issue,))
    assert located.to_dict() == declared().to_dict()
    assert "file.yaml" not in repr(located)


def test_a_declaration_is_copied_and_pickled_whole():
    located = with_origin(declared(), Origin(data=b"x", source="file.yaml"))
    for twin in (copy.deepcopy(located), pickle.loads(pickle.dumps(located)), located.replace()):
        assert twin == located
        assert twin.origin.data == b"x"


def test_dumping_gives_back_what_was_written():
    whole = declared(environment(splits=["train", "x"], reward={"range": [0, 1]}))
    dumped = whole.to_dict()
    assert dumped["environments"][0] == {
        "id": "maths",
        "splits": ["train", "x"],
        "reward": {"range": [0.0, 1.0]},
        "frameworks": {"openenv": {"min_version": ">=0.10.0", "package": "acme-env"}},
    }
    assert Declaration.from_dict(dumped) == whole
    typed = EnvironmentDeclaration(**environment(splits={"x": "test"}))
    assert typed.to_dict()["splits"] == {"x": "test"}
