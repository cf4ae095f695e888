"""``tasksets validate``: every mistake with its line, the summary where there is none, and the exit code."""

import json

import pytest
from child_package import install_app


@pytest.fixture
def edited(taskset):
    """``edited((old, new), ...)``: the taskset with its environment.yaml changed."""

    def edit(*changes):
        file = taskset / "environment.yaml"
        text = file.read_text()
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        file.write_text(text)
        return taskset

    return edit


def rewrite(root, split, change):
    file = root / f"{split}.jsonl"
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    change(rows)
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))


def test_a_right_taskset_is_summed_up_by_split(tasksets, taskset):
    result = tasksets("validate", taskset)

    assert result.code == 0
    assert result.err == "ok\n"
    assert result.out == (
        "sums, split train (train): 30 tasks, 30 bound\n"
        "  columns: key, question, answer, level, topic\n"
        "  visible: prompt\n"
        "  hidden: answer\n"
        "  public: topic, level\n"
        "sums, split test (test): 10 tasks, 10 bound\n"
        "  columns: key, question, answer, level, topic\n"
        "  visible: prompt\n"
        "  hidden: answer\n"
        "  public: topic, level\n"
    )


def test_all_mistakes_of_the_text_are_printed_with_their_lines(tasksets, edited):
    root = edited(("visible: [prompt]", "visible: [prmpt]"), ("id: sums", "id: docs"), ("public:", "pubic:"))

    result = tasksets("validate", root)

    assert result.code == 1
    assert result.err == "3 mistakes\n"
    lines = result.out.splitlines()
    assert [line.split(":")[1] for line in lines] == ["3", "8", "9"]
    assert lines[0].split(": ")[1] == "environments[0].id"
    assert "did you mean 'prompt'?" in lines[1]
    assert "did you mean 'public'?" in lines[2]


def test_text_only_opens_no_rows_and_no_environment(tasksets, edited):
    root = edited(("answer: answer}\n      visible", "answer: nowhere}\n      visible"), ("tasksets\n", "nowhere\n"))

    assert tasksets("validate", root, "--text-only").code == 0
    assert tasksets("validate", root).code == 1


def test_a_missing_file_is_a_mistake(tasksets, tmp_path):
    for arguments in ([], ["--text-only"]):
        result = tasksets("validate", tmp_path, *arguments)
        assert result.code == 1
        assert "environment.yaml" in result.out


def test_columns_that_do_not_exist_are_found_in_every_split_with_the_line(tasksets, edited):
    root = edited(("id: key", "id: kee"))

    result = tasksets("validate", root)

    assert result.code == 1
    assert [line.partition(": ")[2] for line in result.out.splitlines()] == [
        f"environments[0].task.id: no column 'kee'; did you mean 'key'? There are: 'key', 'question', 'answer', "
        f"'level', 'topic', 'notes' (split '{split}')"
        for split in ("train", "test")
    ]
    assert all("environment.yaml:6: " in line for line in result.out.splitlines())


@pytest.mark.parametrize(
    ("change", "where", "said"),
    [
        (("package: openenv-tasksets", "package: acme-env"), "12: environments[0].frameworks.openenv", "pip install"),
        (("environment: answer", "environment: anwser"), "12: environments[0].frameworks.openenv", "'answer'"),
        (
            ("checker: number", "checker: nmber"),
            "16: environments[0].frameworks.openenv.arguments",
            "cannot be made: ValueError: unknown checker 'nmber'",
        ),
        (
            ("checker: number", "chekcer: number"),
            "16: environments[0].frameworks.openenv.arguments",
            "cannot be made: TypeError",
        ),
        (
            ("{prompt: question, answer: answer}\n      v", "{prompt: question, answer: answer, hint: topic}\n      v"),
            "7: environments[0].task.reset",
            "takes no reset() argument 'hint'",
        ),
    ],
    ids=["package", "environment", "value", "argument", "reset"],
)
def test_what_does_not_fit_the_installed_environment_is_found(tasksets, edited, change, where, said):
    result = tasksets("validate", edited(change))

    assert result.code == 1
    assert where in result.out
    assert said in result.out


def test_keys_of_a_newer_version_are_notes(tasksets, edited):
    root = edited(("env-0.1", "env-0.2"), ("      id: key\n", "      id: key\n      colour: red\n"))

    for options in ([], ["--text-only"]):
        result = tasksets("validate", root, *options)
        assert result.code == 0
        assert "environment.yaml:7: environments[0].task.colour: ignored: " in result.err
    assert "ignored" in json.loads(tasksets("validate", root, "--json").out)["notes"][0]


@pytest.mark.parametrize(
    ("checker", "answer", "said"),
    [("number", "hunter2", "environment 'answer' does not take the task: "), ("number", "7", None)],
)
def test_an_answer_that_the_checker_cannot_take_is_found_and_not_told(tasksets, taskset, checker, answer, said):
    rewrite(taskset, "test", lambda rows: rows[0].update(answer=answer))

    result = tasksets("validate", taskset)

    if said is None:
        assert result.code == 0
    else:
        assert (result.code, result.err) == (1, "1 mistake\n")
        assert f"environments[0].task.reset: split 'test', row 0: {said}" in result.out
    assert "hunter2" not in result.out + result.err


def test_names_that_no_row_has_cannot_be_visible(tasksets, edited):
    root = edited(
        ("reset: {prompt: question, answer: answer}\n      v", "v"),
        ("visible: [prompt]", "visible: [prompt, hint]"),
        ("\n      gold: {answer: answer}", ""),
    )
    for split in ("train", "test"):
        rewrite(
            root,
            split,
            lambda rows: [
                row.update(openenv_reset={"question": "?", "answer": "1", **({"hint": "!"} if number else {})})
                for number, row in enumerate(rows)
            ],
        )

    result = tasksets("validate", root, "--environment", "sums")

    assert result.code == 1
    visible = [line for line in result.out.splitlines() if "task.visible" in line]
    assert [line.partition("task.visible")[2].partition(" There")[0] for line in visible] == [
        f"[0]: none of the {count} rows looked at of split '{split}' has an argument 'prompt'."
        for split, count in (("train", 30), ("test", 10))
    ]


def test_only_the_first_rows_are_bound_unless_more_are_asked_for(tasksets, taskset):
    rewrite(taskset, "train", lambda rows: rows[20].update(key=None))

    assert tasksets("validate", taskset, "--rows", 20).code == 0
    for rows in (21, "all"):
        result = tasksets("validate", taskset, "--rows", rows)
        assert result.code == 1
        assert "environments[0].task: train.jsonl, row 20 (split 'train', row 20), column 'key'" in result.out


def test_only_the_first_of_many_bad_rows_are_printed(tasksets, taskset):
    rewrite(taskset, "train", lambda rows: [row.update(key=None) for row in rows[5:]])

    lines = tasksets("validate", taskset).out.splitlines()

    assert len(lines) == 11
    assert lines[-1].endswith("15 more rows of split 'train' cannot be bound")


def test_double_ids_are_found_when_all_rows_are_looked_at(tasksets, taskset):
    rewrite(taskset, "test", lambda rows: rows[9].update(key="sum-30"))

    assert tasksets("validate", taskset).code == 0
    result = tasksets("validate", taskset, "--rows", "all")
    assert result.code == 1
    assert "environments[0].task.id: " in result.out
    assert "id 'sum-30' is also the id of row 0" in result.out


def test_no_value_that_is_hidden_is_in_what_is_printed(tasksets, taskset):
    rewrite(taskset, "train", lambda rows: rows[3].update(answer="hunter2", key=None))

    result = tasksets("validate", taskset)

    assert result.code == 1
    assert "hunter2" not in result.out + result.err


def test_a_split_without_files_is_a_mistake_of_its_line(tasksets, edited):
    result = tasksets("validate", edited(("[train, test]", "[train, tset]")))

    assert result.code == 1
    assert "environment.yaml:4: environments[0].splits[1]: there are no rows for split 'tset'" in result.out


def test_rows_elsewhere_can_be_given_as_a_folder(tasksets, edited, folder):
    root = edited(("    task:", "    dataset: {repo_id: acme/sums}\n    task:"))
    rows = folder("copy", train=[], test=[])
    for split in ("train", "test"):
        (root / f"{split}.jsonl").rename(rows / f"{split}.jsonl")

    assert tasksets("validate", root, "--data-dir", rows).code == 0


def test_what_was_not_looked_at_is_said(tasksets, edited):
    arguments = "arguments: {checker: number}\n"
    secret = edited((arguments, f"{arguments}        secrets: [MY_KEY]\n"))
    assert "it wants secrets: whether it can be made was not checked" in tasksets("validate", secret).err

    package = f"package: openenv-tasksets\n        environment: answer\n        {arguments}        secrets: [MY_KEY]\n"
    result = tasksets("validate", edited((package, "image: acme/env:1\n")))
    assert result.code == 0
    assert "it runs from an image or a Space" in result.err
    assert "train" in result.out


def test_of_a_package_that_brings_a_server_the_version_is_checked(tasksets, edited, tmp_path, monkeypatch):
    (tmp_path / "installed").mkdir()
    install_app(tmp_path / "installed", "raise SystemExit('nobody imports it here')")
    monkeypatch.syspath_prepend(str(tmp_path / "installed"))
    package = "package: openenv-tasksets\n        environment: answer\n        arguments: {checker: number}\n"
    result = tasksets("validate", edited((package, "package: openenv-riddles>=1\n")))
    assert result.code == 0
    assert "its package brings a server" in result.err
    result = tasksets("validate", edited((">=1\n", ">=2\n")))
    assert result.code == 1
    assert "openenv-riddles' is installed as 1.2, but the taskset needs >=2: pip install" in result.out
    result = tasksets("validate", edited((">=2\n", ">=1\n        environment: answer\n")))
    assert result.code == 1
    assert "has no use for environment" in result.out


def test_an_environment_of_another_framework_is_checked_by_its_text_only(tasksets, edited):
    text = 'openenv:\n        min_version: ">=0.10.0"\n        package: openenv-tasksets\n'
    result = tasksets("validate", edited((text, "verifiers:\n        x: y\n")))

    assert result.code == 0
    assert "it has no frameworks.openenv: only its text was checked" in result.err


def test_one_environment_of_several_can_be_checked(tasksets, taskset):
    file = taskset / "environment.yaml"
    head, _, body = file.read_text().partition("  - id: sums")
    file.write_text(f"{head}  - id: sums{body}  - id: other{body.replace('id: key', 'id: kee')}")

    assert tasksets("validate", taskset, "--environment", "sums").code == 0
    assert tasksets("validate", taskset).code == 1
    for options in ([], ["--text-only"]):
        unknown = tasksets("validate", taskset, "--environment", "sum", *options)
        assert unknown.code == 1
        assert "no environment 'sum'; did you mean 'sums'?" in unknown.err


def test_the_json_report_has_findings_and_splits(tasksets, taskset):
    good = json.loads(tasksets("validate", taskset, "--json", "--rows", 5).out)
    assert good["ok"] is True
    assert good["findings"] == []
    assert good["splits"][0] == {
        "environment": "sums",
        "split": "train",
        "type": "train",
        "tasks": 30,
        "checked": 5,
        "columns": ["key", "question", "answer", "level", "topic"],
        "visible": ["prompt"],
        "hidden": ["answer"],
        "public": ["topic", "level"],
    }

    rewrite(taskset, "train", lambda rows: rows[0].update(key=None))
    result = tasksets("validate", taskset, "--json")
    assert result.code == 1
    bad = json.loads(result.out)
    assert bad["ok"] is False
    [finding] = bad["findings"]
    assert (finding["line"], finding["path"]) == (5, "environments[0].task")
    assert finding["file"].endswith("environment.yaml")
    assert "an id is text or a whole number, not null" in finding["message"]


def test_a_row_too_large_for_a_frame_is_a_note(tasksets, taskset):
    def grow(rows):
        rows[3]["question"] = "x" * (17 << 20)
        rows[4]["question"] = "x" * (18 << 20)

    rewrite(taskset, "train", grow)

    result = tasksets("validate", taskset)

    assert result.code == 0
    assert result.err.count("MiB") == 1
    assert (
        "split 'train', index 3: its arguments are 17.0 MiB on the wire, where a frame holds 16: "
        "an environment behind a URL cannot be reset to it\n"
    ) in result.err


@pytest.mark.parametrize("rows", ["some", "-1", "1.5"])
def test_a_number_of_rows_is_a_whole_number_or_all(tasksets, taskset, rows):
    result = tasksets("validate", taskset, "--rows", rows)

    assert result.code == 2
    assert f"{rows!r} is neither a whole number nor 'all'" in result.err
