"""Spaces on the Hub of the tests, through the Hub's own library."""

from dataclasses import replace

import pytest
from pushing import REPO, do_push, in_memory, open_hub

from openenv_tasksets.export import Project, export_project
from openenv_tasksets.loaders.errors import HubError
from openenv_tasksets.push_space import push_space
from openenv_tasksets.secret_scan import SecretFound

SPACE = "acme/sums-space"


@pytest.fixture
def wheel(tmp_path):
    from importlib.metadata import version

    path = tmp_path / f"openenv_tasksets-{version('openenv-tasksets')}-py3-none-any.whl"
    path.write_bytes(b"PK\x03\x04\x00wheel")
    return path


@pytest.fixture
def project(hub, wheel):
    do_push(in_memory(), open_hub(hub))
    return export_project(REPO, wheels=[wheel], space=True, hub=open_hub(hub))


def contents(project):
    return {name: each if isinstance(each, bytes) else each.read_bytes() for name, each in project.files.items()}


def held(hub, name=SPACE):
    files = hub.files(name, repo_type="space")
    return {path: data for path, data in files.items() if path != ".gitattributes"}


def test_a_space_holds_the_project_and_a_second_push_changes_nothing(hub, project):
    first = push_space(project, SPACE, hub=open_hub(hub))
    again = push_space(project, SPACE, hub=open_hub(hub))

    assert held(hub) == contents(project)
    assert (first.changed, again.changed) == (True, False)
    assert again.commit_hash == first.commit_hash
    assert first.url.endswith(f"/spaces/{SPACE}")


def test_only_our_own_files_of_an_earlier_push_go(hub, project):
    push_space(project, SPACE, hub=open_hub(hub))
    hub.commit(SPACE, {"extra.md": b"theirs"}, repo_type="space")
    files = {name: content for name, content in project.files.items() if not name.startswith("wheels/")}
    push_space(replace(project, files=files), SPACE, hub=open_hub(hub))

    assert held(hub).keys() == files.keys() | {"extra.md"}


def test_rows_go_into_a_private_space_only(hub):
    with_rows = Project({"taskset/train.jsonl": b'{"answer": 1}'}, (), holds_rows=True)
    for private in (None, False):
        with pytest.raises(HubError, match="would know the answers"):
            push_space(with_rows, SPACE, private=private, hub=open_hub(hub))
    push_space(with_rows, SPACE, private=True, hub=open_hub(hub))
    assert held(hub)["taskset/train.jsonl"] == b'{"answer": 1}'


def test_a_public_space_is_not_made_to_hold_rows(hub, project):
    push_space(project, SPACE, hub=open_hub(hub))
    before = held(hub)
    with pytest.raises(HubError, match="exists and is public"):
        push_space(replace(project, holds_rows=True), SPACE, private=True, hub=open_hub(hub))
    assert held(hub) == before


def test_what_looks_like_a_secret_is_named_and_not_pushed(hub, project):
    secret = "hf_" + "a1B2" * 9
    leaky = replace(project, files={**project.files, "README.md": f"token: {secret}\n".encode()})

    with pytest.raises(SecretFound, match="README.md, line 1: a Hugging Face token") as caught:
        push_space(leaky, SPACE, hub=open_hub(hub))
    assert secret not in str(caught.value)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["429", "500", "reset", "cut", "lost-answer"])
def test_any_one_request_may_fail(hub, project, kind):
    hub.reset_log()
    push_space(project, "acme/counted", hub=open_hub(hub))
    count = len(hub.requests)
    assert count >= 5

    for nth in range(1, count + 1):
        name = f"acme/space-{nth}"
        hub.fail(kind, nth=nth)
        pushed = push_space(project, name, hub=open_hub(hub))
        assert hub.fired == 1, nth
        hub.heal()
        assert held(hub, name) == contents(project), nth
        assert len(hub.snapshot()[f"spaces/{name}"]["commits"]) == 2, nth
        assert push_space(project, name, hub=open_hub(hub)) == replace(pushed, changed=False), nth
