"""One commit onto the commit that it was planned for, whatever others do and whatever answer is lost."""

import io

import pyarrow.parquet as pq
import pytest
from loopback_hub import LoopbackHub
from pushing import REPO, TRAIN, do_push, in_memory, open_hub, parquet, sums

from openenv_tasksets.loaders.errors import (
    HubError,
    HubUnavailable,
)
from openenv_tasksets.loaders.hub_commit import HeadMoved


@pytest.fixture
def server():
    with LoopbackHub() as running:
        yield running


@pytest.fixture
def hub(server):
    return open_hub(server)


class TestOthers:
    def test_a_commit_of_somebody_else_in_between_is_not_lost(self, server, hub):
        do_push(in_memory(), hub)

        class Slow(list):
            """Rows whose reading takes so long that somebody else commits."""

            def __getitem__(self, index):
                if index == 1 and "theirs.txt" not in server.files(REPO):
                    server.commit(REPO, {"theirs.txt": b"x"})
                return super().__getitem__(index)

        with pytest.raises(HeadMoved, match="main was [0-9a-f]{7} when this push was planned, and is [0-9a-f]{7} now"):
            do_push(in_memory({"train": Slow(sums(3))}), hub)
        assert server.files(REPO)["theirs.txt"] == b"x"
        assert pq.read_metadata(io.BytesIO(server.files(REPO)[TRAIN])).num_rows == 30
        do_push(in_memory({"train": sums(3)}), hub)
        assert pq.read_metadata(io.BytesIO(server.files(REPO)[TRAIN])).num_rows == 3
        assert "theirs.txt" in server.files(REPO)

    @pytest.mark.parametrize("how", ["lost-answer", "cut", "reset", "500", "429"])
    @pytest.mark.parametrize("create_pr", [False, True])
    def test_an_answer_that_is_lost_makes_no_second_commit(self, server, hub, how, create_pr):
        do_push(in_memory(), hub)
        server.commit(REPO, {f"data/train-0000{n}-of-00002.parquet": parquet(sums(2)) for n in range(2)})
        count = len(server.snapshot()[f"datasets/{REPO}"]["commits"])
        server.fail(how, matching=lambda request: f"{REPO}/commit/" in request.path)
        result = do_push(in_memory({"train": sums(3)}), hub, create_pr=create_pr)
        assert server.fired == 1
        assert len(server.snapshot()[f"datasets/{REPO}"]["commits"]) == count + 1
        assert result.commit_hash == server.head(REPO, "refs/pr/1" if create_pr else "main")
        assert result.pull_request == ("refs/pr/1" if create_pr else None)

    def test_a_hub_that_never_takes_the_commit_is_an_error_and_keeps_what_it_had(self, server, hub):
        do_push(in_memory(), hub)
        before = server.snapshot()
        server.fail("500", every=True, matching=lambda request: f"{REPO}/commit/" in request.path)
        with pytest.raises(HubUnavailable, match="the push to acme/sums: .* gives no usable answer: 500"):
            do_push(in_memory({"train": sums(3)}), hub)
        assert server.snapshot() == before

    def test_a_tag_that_is_refused_says_that_the_push_was_made(self, server, hub):
        server.fail("500", every=True, matching=lambda request: "/tag/" in request.path)
        with pytest.raises(HubError, match=r"pushed as [0-9a-f]{40}, but not tagged: .*; push again to tag it"):
            do_push(in_memory(), hub, tag="v1")
        server.heal()
        assert not do_push(in_memory(), hub, tag="v1").changed
        assert server.head(REPO, "v1") == server.head(REPO)
