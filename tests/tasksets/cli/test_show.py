"""``tasksets show``: what is in the table and the JSON lines, and what stays hidden."""

import json


def lines(result):
    assert result.code == 0, result.err
    return [json.loads(line) for line in result.out.splitlines()]


def test_the_table_has_ids_indices_public_and_visible_values(tasksets, taskset):
    result = tasksets("show", taskset, "--limit", 2)

    assert result.code == 0
    header, _, *rows = [line.rstrip() for line in result.out.splitlines() if line.strip()]
    assert header.split() == ["id", "index", "topic", "level", "prompt"]
    assert [row.split() for row in rows] == [
        ["sum-0", "0", "sums", "0", "What", "is", "0", "+", "0?"],
        ["sum-1", "1", "doubles", "1", "What", "is", "1", "+", "1?"],
    ]
    assert result.err == "2 of 30 tasks of split 'train' of sums\n"


def test_json_lines_say_all_of_a_task_but_what_is_hidden(tasksets, taskset):
    assert lines(tasksets("show", taskset, "--split", "test", "--json", "--offset", 3, "--limit", 1)) == [
        {
            "id": "sum-33",
            "split": "test",
            "index": 3,
            "row": 3,
            "public": {"topic": "doubles", "level": 3},
            "visible": {"prompt": "What is 33 + 33?"},
        }
    ]


def test_hidden_values_are_shown_only_when_asked_for(tasksets, taskset):
    for arguments in ([], ["--json"]):
        assert "58" not in tasksets("show", taskset, "--offset", 29, *arguments).out
    [task] = lines(tasksets("show", taskset, "--offset", 29, "--json", "--hidden"))
    assert task["hidden"] == {"answer": "58"}
    assert task["gold"] == {"answer": "58"}
    table = tasksets("show", taskset, "--offset", 29, "--hidden").out
    assert "answer (hidden)" in table
    assert "answer (gold)" in table


def test_a_column_that_nothing_binds_is_never_shown(tasksets, taskset):
    for arguments in ([], ["--hidden"], ["--json", "--hidden"]):
        assert "never bound" not in tasksets("show", taskset, *arguments).out


def test_conditions_narrow_and_a_task_keeps_its_index(tasksets, taskset):
    result = tasksets("show", taskset, "--where", "level>=3", "--where", "topic=sums", "--json", "--limit", 3)

    assert [task["index"] for task in lines(result)] == [4, 8, 14]
    assert result.err == "3 of 6 tasks of split 'train' of sums\n"


def test_the_limit_may_be_0_and_the_offset_beyond_the_end(tasksets, taskset):
    assert lines(tasksets("show", taskset, "--limit", 0, "--json")) == []
    assert lines(tasksets("show", taskset, "--offset", 10**6, "--json")) == []


def test_an_unknown_split_is_an_error_with_the_nearest_name(tasksets, taskset):
    result = tasksets("show", taskset, "--split", "tset")

    assert result.code == 1
    assert "no split 'tset'; did you mean 'test'?" in result.err


def test_text_of_a_row_cannot_steer_the_terminal(tasksets, folder, taskset):
    root = folder("tricky", train=[{"question": "a\x1b[2Jb\nc‮d", "answer": "x" * 2000, "key": "k", "level": 1}])
    text = (taskset / "environment.yaml").read_text()
    (root / "environment.yaml").write_text(
        text.replace("[train, test]", "[train]").replace("public: [topic, level]", "public: [level]")
    )

    result = tasksets("show", root, "--hidden")

    assert "a [2Jb c d" in result.out
    assert "\x1b" not in result.out
    assert "‮" not in result.out


def test_a_narrow_terminal_gets_a_narrow_table(tasksets, taskset, monkeypatch):
    monkeypatch.setenv("COLUMNS", "30")

    result = tasksets("show", taskset)

    assert max(map(len, result.out.splitlines())) <= 30
    assert "sum-12" in result.out
