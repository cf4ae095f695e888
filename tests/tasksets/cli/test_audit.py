"""``tasksets audit``: exit codes, text, JSON, and the section of a card."""

import json

import pytest
import yaml

ROWS = [
    {"question": f"What is {n} and {n * 7}, taken together?", "sum": str(n * 8), "topic": "sums"} for n in range(1, 6)
]
ENVIRONMENT = {
    "id": "sums",
    "task": {
        "reset": {"prompt": "question", "answer": "sum"},
        "visible": ["prompt"],
        "public": ["topic"],
        "gold": {"answer": "sum"},
    },
    "frameworks": {"openenv": {"package": "openenv-tasksets", "environment": "answer"}},
}


@pytest.fixture
def quiz(folder):
    root = folder(train=ROWS[:3], test=ROWS[3:])

    def make(**task):
        environment = {**ENVIRONMENT, "task": {**ENVIRONMENT["task"], **task}}
        declared = {"spec_version": "hf-rl-env-0.1", "environments": [environment]}
        (root / "environment.yaml").write_text(yaml.safe_dump(declared))
        return root

    return make


def test_a_taskset_in_order_passes(tasksets, quiz):
    result = tasksets("audit", quiz())
    assert result.code == 0, result.out
    assert result.err == "passed\n"
    assert [line.split(":")[0].split()[1] for line in result.out.splitlines() if line[0] != " "] == [
        "declaration",
        "non-interference",
        "canaries",
        "repetition",
        "isolation",
        "rewards",
        "duplicates",
        "contract",
    ]


def test_what_is_found_is_exit_code_6(tasksets, quiz):
    result = tasksets("audit", quiz(gold={"answer": "question"}))
    assert result.code == 6
    assert result.err == "failed\n"
    assert "- step: the gold action earns 0, not the top reward 1 [train/0 (train-0)" in result.out


def test_nothing_hidden_is_exit_code_7(tasksets, quiz):
    result = tasksets("audit", quiz(visible=["prompt", "answer"]))
    assert result.code == 7
    assert result.err == "nothing to audit: the rows hide nothing\n"


def test_json_has_the_same_and_the_card_gets_a_section(tasksets, quiz, tmp_path):
    root = quiz()
    card = root / "README.md"
    card.write_bytes(b"# Sums\r\n\r\nBy us.\r\n")
    result = tasksets("audit", root, "--json", "--card", card, "--limit", 1)
    assert result.code == 0
    assert result.err == ""
    told = json.loads(result.out)
    assert (told["verdict"], told["hidden"]) == ("passed", ["answer"])
    assert told["checks"][2]["tested"].startswith("2 tasks with canaries in answer; ")
    assert card.read_bytes().startswith(b"# Sums\r\n\r\nBy us.\r\n\r\n<!-- tasksets audit:")
    assert b"| canaries | passed |" in card.read_bytes()


@pytest.mark.parametrize(("option", "value"), [("--limit", "0"), ("--scan", "-1")])
def test_bounds_are_checked(tasksets, quiz, option, value):
    assert tasksets("audit", quiz(), option, value).code == 2
