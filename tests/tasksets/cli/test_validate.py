"""``tasksets validate``: every mistake with its line, the summary where there is none, and the exit code."""

import json

import pytest
from edited_rows import rewrite


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


def test_keys_of_a_newer_version_are_notes(tasksets, edited):
    root = edited(("env-0.1", "env-0.2"), ("      id: key\n", "      id: key\n      colour: red\n"))

    for options in ([], ["--text-only"]):
        result = tasksets("validate", root, *options)
        assert result.code == 0
        assert "environment.yaml:7: environments[0].task.colour: ignored: " in result.err
    assert "ignored" in json.loads(tasksets("validate", root, "--json").out)["notes"][0]


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


def test_no_value_that_is_hidden_is_in_what_is_printed(tasksets, taskset):
    rewrite(taskset, "train", lambda rows: rows[3].update(answer="hunter2", key=None))

    result = tasksets("validate", taskset)

    assert result.code == 1
    assert "hunter2" not in result.out + result.err


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


@pytest.mark.parametrize("rows", ["some", "-1", "1.5"])
def test_a_number_of_rows_is_a_whole_number_or_all(tasksets, taskset, rows):
    result = tasksets("validate", taskset, "--rows", rows)

    assert result.code == 2
    assert f"{rows!r} is neither a whole number nor 'all'" in result.err
