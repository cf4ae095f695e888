"""What looks like a secret is found in texts and in columns of every shape, and nothing else is."""

import random
import string

import pyarrow as pa
import pytest

from openenv_tasksets.secret_scan import scan_row, scan_table, scan_text

LETTERS = "aB3" * 20
SECRETS = {
    "a Hugging Face token": f"hf_{LETTERS[:34]}",
    "an OpenAI or Anthropic key": f"sk-proj-{LETTERS[:40]}",
    "an AWS access key": "AKIA" + "A1" * 8,
    "a private key": "-----BEGIN OPENSSH PRIVATE KEY-----",
    "a GitHub token": f"ghp_{LETTERS[:36]}",
    "a Slack token": "xoxb-123456789012-abc",
}


def kinds(table):
    return [(finding.kind, finding.where) for finding in scan_table(table, "train", 100)]


@pytest.mark.parametrize(("kind", "secret"), SECRETS.items())
def test_each_kind_is_found_and_located(kind, secret):
    assert [str(finding) for finding in scan_text(f"one\n  key={secret}\n".encode(), "x.yaml")] == [
        f"x.yaml, line 2: {kind}"
    ]
    table = pa.table({"a": ["plain", f"see '{secret}'"], "b": [secret, None]})
    assert kinds(table) == [
        (kind, "split 'train', row 101, column 'a'"),
        (kind, "split 'train', row 100, column 'b'"),
    ]


SECRET = SECRETS["a GitHub token"]


@pytest.mark.parametrize(
    "column",
    [
        pa.array(["x", SECRET], pa.large_string()),
        pa.array(["x", SECRET], pa.string_view()),
        pa.array(["x", SECRET]).dictionary_encode(),
        pa.array([[], ["x", SECRET]]),
        pa.array([["x", "y"], ["x", SECRET]], pa.list_(pa.string(), 2)),
        pa.array([None, {"b": [{"c": SECRET}]}]),
        pa.array([[("k", "x")], [("k", SECRET)]], pa.map_(pa.string(), pa.string())),
        pa.array([[("k", "x")], [(SECRET, "x")]], pa.map_(pa.string(), pa.string())),
        pa.array(["a", "b", "c", "x", SECRET]).slice(3),
        pa.chunked_array([["x"], [SECRET]]),
        pa.array(["word", SECRET]),
    ],
    ids=lambda column: str(column.type).replace(" ", ""),
)
def test_columns_of_every_shape_are_looked_through(column):
    assert kinds(pa.table({"a": column})) == [("a GitHub token", "split 'train', row 101, column 'a'")]
    assert kinds(pa.table({"a": column}).slice(0, 1)) == []


def test_a_value_is_named_once_for_each_kind_however_often_it_has_it():
    assert len(kinds(pa.table({"a": [f"{SECRET} {SECRET}"]}))) == 1
    assert len(list(scan_row({"a": [SECRET, SECRET, SECRETS["a Slack token"]]}, "train", 0))) == 2


@pytest.mark.parametrize(
    "text",
    [
        "hf_hub_download(repo_id)",
        "task-based-evaluation-of-large-language-models-1-A",
        "sk-learn-is-a-library-with-a-long-name-and-no-key",
        "MAKIAVELLIAKIAAAAAAAAAAAAAAAAAA",
        "-----BEGIN PUBLIC KEY-----",
        "ghp_short",
        "through the length of xoxo-",
        "hf_" + "a" * 29,
    ],
)
def test_what_only_begins_like_one_is_left_alone(text):
    assert list(scan_text(text.encode(), "x")) == []
    assert kinds(pa.table({"a": [text]})) == []


def test_two_values_that_lie_side_by_side_make_no_secret():
    assert kinds(pa.table({"a": ["ghp_", "A" * 36]})) == []


def test_no_line_of_random_text_is_taken_for_one():
    source = random.Random(1)
    letters = string.ascii_letters + string.digits + "_- ./+"
    text = "".join(source.choices(letters, k=500_000))
    assert list(scan_text(text.encode(), "x")) == []
