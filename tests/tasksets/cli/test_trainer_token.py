"""Where the trainer's token comes from, and which addresses need the user's word."""

import os

import pytest
import typer

from openenv_tasksets.cli.trainer_token import check_address, read_token
from openenv_tasksets.loaders.errors import ConsentNeeded, TasksetError

TOKEN = "a-token-of-the-trainer"


def test_a_variable_is_taken_out_of_the_environment(monkeypatch):
    monkeypatch.setenv("MY_TOKEN", TOKEN)
    assert read_token("MY_TOKEN", None) == TOKEN
    assert "MY_TOKEN" not in os.environ
    with pytest.raises(TasksetError, match="^--trainer-token-env MY_TOKEN: there is no such environment variable$"):
        read_token("MY_TOKEN", None)


def test_a_file_holds_it_with_or_without_white_space(tmp_path):
    (tmp_path / "token").write_text(f" {TOKEN}\n")
    assert read_token(None, tmp_path / "token") == TOKEN
    assert read_token(None, None) is None


@pytest.mark.parametrize(
    ("content", "reason"), [(None, "No such file or directory"), (TOKEN.encode() + b"\xff", "it is no text")]
)
def test_a_file_that_has_none_is_named_and_not_shown(tmp_path, content, reason):
    path = tmp_path / "token"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(TasksetError) as caught:
        read_token(None, path)
    assert str(caught.value) == f"--trainer-token-file {path}: {reason}"
    # A cause would be shown with its bytes.
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_it_is_in_one_place(tmp_path, monkeypatch):
    monkeypatch.setenv("MY_TOKEN", TOKEN)
    with pytest.raises(typer.BadParameter, match="in a variable or in a file"):
        read_token("MY_TOKEN", tmp_path / "token")


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "::1", "localhost"])
def test_this_machine_needs_no_word(host):
    check_address(host, consented=False)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.0.1", "localhost.example", "example.org", ""])
def test_any_other_address_does(host):
    check_address(host, consented=True)
    with pytest.raises(ConsentNeeded, match=f"^--host {host} lets other machines connect: .*--allow-remote$"):
        check_address(host, consented=False)
