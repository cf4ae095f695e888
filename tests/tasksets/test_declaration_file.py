"""A declaration is read: what each file of the corpus means, and every mistake at once, where it is."""

import re

import pytest
from declaration_texts import BAD, CORPUS, GOOD, HEAD, corpus, parse

from openenv_tasksets.declaration import (
    SPEC_VERSION,
    ColumnArgument,
    DatasetDeclaration,
    Declaration,
    EnvironmentDeclaration,
    Frameworks,
    Limits,
    OpenEnvRuntime,
    Resources,
    RewardDeclaration,
    SplitDeclaration,
    TaskDeclaration,
    TemplateArgument,
    ValueArgument,
)
from openenv_tasksets.declaration_file import (
    line_of,
    read_declaration,
)
from openenv_tasksets.loaders.errors import DeclarationError

LETTERS = r"\pL" * 300


def refused(text):
    with pytest.raises(DeclarationError) as caught:
        parse(text)
    assert caught.value.source == "environment.yaml"
    return [(issue.line, issue.path, issue.message) for issue in caught.value.issues]


@pytest.mark.parametrize("file", GOOD, ids=lambda file: file.stem)
def test_good_files_are_read(file):
    declaration = read_declaration(file)
    assert declaration.source == str(file)
    assert declaration.environments


@pytest.mark.parametrize("file", BAD, ids=lambda file: file.stem)
def test_bad_files_are_refused_in_plain_words_with_lines(file):
    with pytest.raises(DeclarationError) as caught:
        read_declaration(file)
    lines = [issue.line for issue in caught.value.issues]
    assert None not in lines
    assert lines == sorted(lines)
    assert not re.search("pydantic|Input should|validation error|abcdefgh", str(caught.value))
    assert str(caught.value).startswith(f"{file}:{lines[0]}: ")


def test_a_folder_is_read_by_the_file_in_it(tmp_path):
    (tmp_path / "environment.yaml").write_text(HEAD)
    assert read_declaration(tmp_path) == read_declaration(str(tmp_path / "environment.yaml")) == parse(HEAD)


def test_a_missing_file_says_what_to_do(tmp_path):
    with pytest.raises(DeclarationError, match=r"environment.yaml: there is no such file; `tasksets init` drafts one"):
        read_declaration(tmp_path)


def test_what_cannot_be_opened_is_a_declaration_error(tmp_path):
    with pytest.raises(DeclarationError, match="cannot be read"):
        read_declaration("a\0b")
    (tmp_path / "environment.yaml").mkdir()
    with pytest.raises(DeclarationError, match="cannot be read"):
        read_declaration(tmp_path)


def test_a_huge_file_is_not_read_whole(tmp_path):
    with (tmp_path / "environment.yaml").open("wb") as opened:
        opened.truncate(10**9)
    with pytest.raises(DeclarationError, match="at most 262,144"):
        read_declaration(tmp_path)


def test_every_mistake_is_reported_at_once_where_it_is():
    found = refused((CORPUS / "bad/many.yaml").read_bytes())
    assert [(line, path) for line, path, _ in found] == [
        (3, "environments[0].id"),
        (4, "environments[0].splits.holdout"),
        (5, "environments[0].dataset.repo_id"),
        (5, "environments[0].dataset.revision"),
        (8, "environments[0].task.reset.prompt.template"),
        (9, "environments[0].task.reset.answer.extract"),
        (10, "environments[0].task.visible"),
        (11, "environments[0].task.limits.max_steps"),
        (13, "environments[0].frameworks.openenv.min_version"),
        (13, "environments[0].frameworks.openenv"),
        (14, "environments[0].rewards"),
        (15, "environments[1].id"),
        (15, "environments[1].frameworks"),
    ]
    assert found[10][2].startswith("unknown key 'rewards'; did you mean 'reward'? There are: 'config_name'")


def test_of_another_major_version_nothing_else_is_said():
    assert refused((CORPUS / "bad/version-major.yaml").read_bytes()) == [
        (
            1,
            "spec_version",
            "'hf-rl-env-1.0' is not a version that this library reads: it reads hf-rl-env-0.x, as in hf-rl-env-0.1",
        )
    ]


def test_unknown_keys_of_a_newer_minor_version_are_warnings():
    declaration = corpus("good/newer-minor")
    assert [(issue.line, issue.path) for issue in declaration.warnings] == [
        (4, "environments[0].tasks"),
        (5, "environments[0].task.reset.prompt.trim"),
        (5, "environments[0].task.visable"),
    ]
    assert declaration.warnings[2].message.startswith("ignored: unknown key 'visable'; did you mean 'visible'?")
    assert declaration.environment().task == TaskDeclaration(reset={"prompt": "q"})


def test_other_mistakes_of_a_newer_minor_version_are_errors():
    text = HEAD.replace("0.1", "0.9") + "  new: 1\n  task: {rows: steps, newer: 1}\n"
    assert [path for _, path, _ in refused(text)] == ["environments[0].task.rows"]


def test_the_file_of_the_design_means_what_it_says():
    environment = corpus("good/design").environment("grade-school-math")
    assert environment == EnvironmentDeclaration(
        id="grade-school-math",
        title="Grade school math",
        description="Word problems with one number as the answer.",
        config_name="main",
        splits=("train", "test"),
        dataset=DatasetDeclaration(
            repo_id="acme/word-problems",
            revision="0123456789abcdef0123456789abcdef01234567",
            data_files={"test": ("main/test-*.parquet",)},
        ),
        task=TaskDeclaration(
            id="id",
            reset={
                "prompt": TemplateArgument(template="{question}\nEnd with: #### <number>"),
                "answer": ColumnArgument(column="answer", extract="#### (.+)$"),
                "tolerance": ValueArgument(value=0.0),
            },
            visible=("prompt",),
            public=("topic",),
            json_columns=("metadata",),
            difficulty="level",
            group="topic",
            gold={"answer": ColumnArgument(column="answer", extract="#### (.+)$")},
            order={"train": "shuffled", "test": "sequential"},
            limits=Limits(max_steps=1, episode_seconds=60),
        ),
        reward=RewardDeclaration(range=(0, 1), success_threshold=1),
        frameworks=Frameworks(
            openenv=OpenEnvRuntime(
                min_version=">=0.10.0",
                package="openenv-tasksets",
                environment="answer",
                arguments={"checker": "number"},
                resources=Resources(cpus=1, memory_gb=1, gpus=0, network=False),
                secrets=("OPENAI_API_KEY",),
            ),
            verifiers={},
        ),
    )


def test_the_blocks_of_rfc_006_mean_what_the_rfc_says():
    coding, tbench, packaged = corpus("good/rfc").environments
    assert coding.frameworks.openenv == OpenEnvRuntime(min_version=">=0.3.0", space_id="openenv/coding_env")
    assert coding.splits == (
        SplitDeclaration(name="train", type="train"),
        SplitDeclaration(name="validation", type="validation"),
    )
    assert tbench.config_name == "harbor_tasks"
    assert tbench.frameworks.openenv == OpenEnvRuntime(
        image="ghcr.io/openenv/tbench2:0.3.0",
        resources=Resources(cpus=4, memory_gb=8, gpus=0, network=False),
        secrets=("HF_TOKEN",),
    )
    assert tbench.frameworks.foreign["verifiers"]["adapter"] == "verifiers.v1.packages.tasksets.HarborTaskset"
    assert packaged.frameworks.openenv.package == "openenv-coding-env>=0.3.0"
    sparse, scalar, free = corpus("good/rfc-runtime-reward-dataset").environments
    assert sparse.runtime == {
        "isolation": "container",
        "resources": {"cpus": 2},
        "network": False,
        "secrets": ["HF_TOKEN"],
    }
    assert (sparse.reward, scalar.reward) == ("sparse", 0.5)
    assert free.reward == {"kind": "rubric", "weights": [1, 2.5]}
    assert sparse.frameworks.openenv.manifest == "envs/openenv.yaml"
    assert sparse.dataset.data_files == {"train": ("a/*.parquet", "b.jsonl"), "test": ("c.csv",)}


def test_plain_scalars_are_what_their_field_is():
    environment = corpus("good/plain-scalars").environment()
    assert (environment.title, environment.description, environment.config_name) == ("2048", "true", "0x10")
    assert environment.dataset.revision == "0123456"
    assert [split.name for split in environment.splits] == ["2024", "no"]
    assert environment.task.id == "1_000"
    assert environment.task.reset == {
        "prompt": ColumnArgument(column="on"),
        "answer": ColumnArgument(column="yes"),
        "top": ValueArgument(value=16),
        "date": ValueArgument(value="2001-01-01"),
        "no": ValueArgument(value=[None, 0.5, 1000.0, "1"]),
    }


def leaves(value):
    """Everything that a dumped value is made of, its keys too."""
    if isinstance(value, dict):
        yield from value
        value = value.values()
    if isinstance(value, str) or not hasattr(value, "__iter__"):
        yield value
    else:
        for each in value:
            yield from leaves(each)


@pytest.mark.parametrize("file", GOOD, ids=lambda file: file.stem)
def test_no_untyped_scalar_gets_through(file):
    assert {type(leaf) for leaf in leaves(read_declaration(file).to_dict())} <= {str, int, float, bool, type(None)}


def test_an_empty_optional_field_is_absent():
    assert corpus("good/empty-values") == parse(
        "spec_version: hf-rl-env-0.1\nenvironments:\n- id: maths\n  dataset: {repo_id: acme/words}\n"
        "  task: {}\n  frameworks: {openenv: {package: acme-env}, verifiers: null}\n"
    )


def test_the_line_of_a_field_is_known_afterwards():
    declaration = corpus("good/design")
    assert line_of(declaration, "environments[0].task.reset.answer") == 17
    assert line_of(declaration, "environments[0].task.json[0]") == 21
    assert line_of(declaration, "environments[0].task.nothing") == line_of(declaration, "environments[0].task")
    assert line_of(Declaration(spec_version=SPEC_VERSION, environments=parse(HEAD).environments), "x") is None


def test_many_different_patterns_are_refused():
    bound = "".join(f"      a{i}: {{column: c, extract: 'x{{{i}}}'}}\n" for i in range(101))
    ((line, path, message),) = refused(HEAD + "  task:\n    reset:\n" + bound)
    assert (line, path) == (107, "environments[0].task.reset.a100.extract")
    assert message.startswith("more than 100 different regular expressions")
    assert parse(HEAD + "  task:\n    gold:\n" + re.sub(r"x\{.*?\}", "x", bound))


def test_patterns_that_are_too_much_to_compile_together_are_refused():
    heavy = "".join(f"      a{i}: {{column: c, extract: '{'(?:[^0-9]|é)' * 60}{i}'}}\n" for i in range(90))
    assert parse(HEAD + "  task:\n    reset:\n" + heavy)
    bound = "".join(f"      b{i}: {{column: c, extract: '{LETTERS}{i}'}}\n" for i in range(9))
    ((line, path, message),) = refused(HEAD + "  task:\n    reset:\n" + bound)
    assert (line, path) == (8, "environments[0].task.reset.b1.extract")
    assert message.startswith("the regular expressions up to here are too much to compile; shorten them")
