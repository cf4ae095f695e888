"""What a repository has ever held is found on every branch, tag and pull request."""

import pytest
from loopback_hub import LoopbackHub
from pushing import REPO, open_hub, parquet, sums

from openenv_tasksets.loaders.errors import HubUnavailable, RepositoryNotFound, SourceError
from openenv_tasksets.loaders.hub_history import column_names, every_commit


@pytest.fixture
def server():
    with LoopbackHub() as running:
        running.create_repo(REPO)
        yield running


def test_commits_of_branches_tags_and_pull_requests_are_all_there(server):
    api = server.api()
    server.commit(REPO, {"a.txt": b"1"})
    api.create_branch(REPO, branch="dev", repo_type="dataset")
    server.commit(REPO, {"a.txt": b"2"}, revision="dev")
    api.create_tag(REPO, tag="v1", revision="dev", repo_type="dataset")
    server.commit(REPO, {"a.txt": None})
    api.upload_file(repo_id=REPO, repo_type="dataset", path_or_fileobj=b"3", path_in_repo="b.txt", create_pr=True)
    assert sorted(every_commit(open_hub(server), REPO)) == sorted(server.snapshot()[f"datasets/{REPO}"]["commits"])


def test_columns_are_read_from_the_footer_alone(server):
    commit = server.commit(
        REPO, {"x.parquet": parquet([{**row, "pad": "x" * 1000 + str(row)} for row in sums(3000)], compression="none")}
    )
    server.reset_log()
    assert column_names(open_hub(server), REPO, commit, "x.parquet") == ("question", "answer", "pad")
    assert sum(request.bytes_out for request in server.requests) < 200_000
    assert {request.origin: request.authorized for request in server.requests} == {"api": True, "cdn": False}


def test_what_is_no_parquet_or_not_there_is_said(server):
    commit = server.commit(REPO, {"x.parquet": b"PAR1 not really"})
    hub = open_hub(server)
    with pytest.raises(SourceError, match="acme/sums: x.parquet of commit .{7} is no Parquet file"):
        column_names(hub, REPO, commit, "x.parquet")
    with pytest.raises(RepositoryNotFound):
        every_commit(hub, "acme/none")
    server.fail("500", every=True, matching=lambda request: "/refs" in request.path)
    with pytest.raises(HubUnavailable, match="the history of acme/sums"):
        every_commit(hub, REPO)
