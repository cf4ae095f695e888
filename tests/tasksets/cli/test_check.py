"""What a declaration, its rows and the installed environment are checked for; seen through ``tasksets validate``."""

import pytest
from child_package import install_app
from edited_rows import rewrite


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


def test_double_ids_are_found_when_all_rows_are_looked_at(tasksets, taskset):
    rewrite(taskset, "test", lambda rows: rows[9].update(key="sum-30"))

    assert tasksets("validate", taskset).code == 0
    result = tasksets("validate", taskset, "--rows", "all")
    assert result.code == 1
    assert "environments[0].task.id: " in result.out
    assert "id 'sum-30' is also the id of row 0" in result.out


def test_a_split_without_files_is_a_mistake_of_its_line(tasksets, edited):
    result = tasksets("validate", edited(("[train, test]", "[train, tset]")))

    assert result.code == 1
    assert "environment.yaml:4: environments[0].splits[1]: there are no rows for split 'tset'" in result.out


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
