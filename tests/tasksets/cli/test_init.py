"""``tasksets init``: the draft for each shape of dataset is itself valid, and nothing is overwritten unasked."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

GSM8K = [
    {"question": f"What is {n} + {n}?", "answer": f"{n} + {n} = <<{n}+{n}={2 * n}>>{2 * n}\n#### {2 * n}"}
    for n in range(1, 31)
]
MMLU = [
    {"question": f"Which is {n}?", "subject": "algebra", "choices": ["0", "1", "2", "3"], "answer": n % 4}
    for n in range(8)
]
MATH = [
    {"problem": f"Find x{n}.", "level": f"Level {n % 5}", "type": "Algebra", "solution": rf"So $\boxed{{{n}}}$."}
    for n in range(8)
]
MESSAGES = [
    {
        "uid": f"u{n}",
        "messages": json.dumps([{"role": "user", "content": f"Say {n}"}]),
        "expected_output": {"n": n},
        "Difficulty": n,
    }
    for n in range(8)
]
ODD = [{"": n, "on": f"{n}?", "a b: {c}": "x", 'quo"te\t#': "y", "ünï.code": "z"} for n in range(3)]
SHAPES = {"gsm8k": GSM8K, "mmlu": MMLU, "math": MATH, "messages": MESSAGES, "odd": ODD}


def declared(root):
    [environment] = yaml.safe_load((root / "environment.yaml").read_text())["environments"]
    return environment


@pytest.mark.parametrize("shape", SHAPES)
def test_a_draft_is_valid_and_its_tasks_can_be_shown(tasksets, folder, shape):
    root = folder(shape, train=SHAPES[shape], test=SHAPES[shape][:2])

    drafted = tasksets("init", root)
    assert drafted.code == 0, drafted.err
    assert drafted.err.endswith(f"next: tasksets validate {root / 'environment.yaml'}\n")

    checked = tasksets("validate", root, "--rows", "all")
    assert checked.code == 0, checked.out
    assert tasksets("show", root, "--json").code == 0


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("ws", "'ws' is the name of a route of the server; choose another id"),
        ("a/b", "expected an id (letters, digits, '.', '_', '-'; at most 96); got 'a/b'"),
        ("", "expected an id (letters"),
    ],
)
def test_an_id_that_no_declaration_may_have_is_refused_at_once(tasksets, folder, given, said):
    root = folder("gsm8k", train=GSM8K)

    result = tasksets("init", root, "--id", given)

    assert (result.code, result.out) == (2, "")
    assert said in " ".join(result.err.replace("│", " ").split())
    assert not (root / "environment.yaml").exists()


@pytest.mark.parametrize(
    ("shape", "checker", "visible", "hidden"),
    [
        ("gsm8k", "number", ["prompt"], {"answer": "2"}),
        ("mmlu", "choice", ["prompt", "choices"], {"answer": 0}),
        ("math", "normalized", ["prompt"], {"answer": r"So $\boxed{0}$."}),
        ("messages", "json", ["prompt"], {"answer": {"n": 0}}),
    ],
)
def test_the_draft_says_what_the_rows_show(tasksets, folder, shape, checker, visible, hidden):
    root = folder(shape, train=SHAPES[shape])
    tasksets("init", root)

    openenv = declared(root)["frameworks"]["openenv"]
    assert openenv["package"] == "openenv-tasksets"
    assert openenv["environment"] == "answer"
    assert openenv["arguments"] == {"checker": checker}
    [task] = [json.loads(line) for line in tasksets("show", root, "--limit", 1, "--hidden", "--json").out.splitlines()]
    assert list(task["visible"]) == visible
    assert task["hidden"] == hidden


def test_every_line_that_needs_a_word_has_a_comment(tasksets, folder):
    text = tasksets("init", folder(train=GSM8K), "--output", "-").out

    assert text.startswith("# Which rows make which tasks")
    for line in text.splitlines():
        if line.strip().startswith(("- id:", "prompt:", "answer:", "visible:", "gold:", "package:", "arguments:")):
            assert "  # " in line, line


def test_a_guess_is_marked_as_one(tasksets, folder):
    text = tasksets("init", folder(train=[{"alpha": "a", "beta": "b"}]), "--output", "-").out

    assert text.count("# fill in: ") == 2


def test_parquet_rows_keep_their_kinds(tasksets, tmp_path):
    root = tmp_path / "Spider & Co"
    root.mkdir()
    table = pa.Table.from_pylist([{"query": "?", "label": 1, "options": ["a", "b"]}] * 3)
    pq.write_table(table, root / "train.parquet")

    assert tasksets("init", root).code == 0
    assert declared(root)["id"] == "spider-co"
    assert declared(root)["frameworks"]["openenv"]["arguments"] == {"checker": "choice"}


def test_a_split_that_lacks_a_bound_column_is_left_out_with_a_word(tasksets, folder):
    root = folder(train=GSM8K, test=[{"question": "?"}])

    text = tasksets("init", root, "--output", "-").out

    assert yaml.safe_load(text)["environments"][0]["splits"] == ["train"]
    assert "# left out for want of the columns: test" in text


def test_a_config_of_the_card_can_be_named(tasksets, folder):
    root = folder(hard=GSM8K, easy=GSM8K[:3])
    (root / "README.md").write_text(
        "---\nconfigs:\n- config_name: a\n  data_files: hard.jsonl\n- config_name: b\n  data_files: easy.jsonl\n---\n"
    )

    unnamed = tasksets("init", root)
    assert unnamed.code == 1
    assert "There are: 'a', 'b'" in unnamed.err
    assert tasksets("init", root, "--config", "b").code == 0
    assert declared(root)["config_name"] == "b"
    assert "3 tasks" in tasksets("show", root).err


def test_a_file_that_exists_is_overwritten_only_when_told_so(tasksets, folder):
    root = folder(train=GSM8K)
    (root / "environment.yaml").write_text("mine")

    refused = tasksets("init", root)
    assert refused.code == 1
    assert f"{root / 'environment.yaml'} exists; --force overwrites it" in refused.err
    assert (root / "environment.yaml").read_text() == "mine"
    assert tasksets("init", root, "--force").code == 0
    assert (root / "environment.yaml").read_text() != "mine"


def test_the_draft_can_be_written_elsewhere(tasksets, folder, tmp_path):
    root = folder(train=GSM8K)

    assert tasksets("init", root, "--output", tmp_path / "my.yaml").code == 0
    assert not (root / "environment.yaml").exists()
    assert tasksets("validate", tmp_path / "my.yaml", "--data-dir", root).code == 0


def test_a_place_that_cannot_be_written_is_an_error(tasksets, folder, tmp_path):
    result = tasksets("init", folder(train=GSM8K), "--output", tmp_path / "no" / "such" / "file.yaml")

    assert result.code == 1
    assert "cannot be written: No such file or directory" in result.err


def test_the_id_can_be_chosen(tasksets, folder):
    root = folder(train=GSM8K)

    assert tasksets("init", root, "--id", "sums-1").code == 0
    assert declared(root)["id"] == "sums-1"


@pytest.mark.parametrize(("name", "drafted"), [("Docs", "docs-tasks"), ("___", "tasks"), ("GSM 8K.v2", "gsm-8k-v2")])
def test_an_id_is_made_of_the_folder_s_name_and_never_that_of_a_route(tasksets, folder, name, drafted):
    root = folder(name, train=GSM8K)

    assert tasksets("init", root).code == 0
    assert declared(root)["id"] == drafted


def test_an_environment_that_is_not_installed_is_an_error_with_those_that_are(tasksets, folder):
    result = tasksets("init", folder(train=GSM8K), "--environment", "anwser")

    assert result.code == 1
    assert "no environment 'anwser' is installed; did you mean 'answer'?" in result.err


def test_another_installed_environment_is_bound_by_its_arguments_names(tasksets, folder):
    root = folder(train=[{"prompt": "def f():", "entry_point": "f", "test": "pass", "more": 1}])

    assert tasksets("init", root, "--environment", "humaneval").code == 0
    assert declared(root)["task"] == {
        "reset": {"entry_point": "entry_point", "prompt": "prompt", "test": "test"},
        "visible": ["prompt"],
    }
    assert declared(root)["frameworks"]["openenv"]["package"] == "openenv-tasksets-examples"
    assert tasksets("validate", root).code == 0


def test_a_folder_without_rows_is_an_error(tasksets, tmp_path):
    result = tasksets("init", tmp_path)

    assert result.code == 1
    assert f"{tmp_path}: no files of rows" in result.err
