"""Two halves on the Hub: anyone reads one, a token joins them, and commitments prove that nothing was changed."""

import io
import json
import logging

import pyarrow.parquet as pq
import pytest
from loopback_hub import LoopbackHub

from openenv_tasksets.commitment import commitment
from openenv_tasksets.declaration import Declaration
from openenv_tasksets.diff import diff, open_source
from openenv_tasksets.from_hub import read_from_hub
from openenv_tasksets.hidden_repo import verify
from openenv_tasksets.loaders.errors import HubError, SelectionError, SourceError
from openenv_tasksets.loaders.hub import Hub
from openenv_tasksets.loaders.reference import DatasetReference
from openenv_tasksets.lock import make_lock, write_lock
from openenv_tasksets.lock_check import LockDrift, refuse_drift
from openenv_tasksets.open_inventory import open_inventory
from openenv_tasksets.publish import push
from openenv_tasksets.publish_hidden import push_hidden
from openenv_tasksets.task_diff import TaskDiff, TaskName
from openenv_tasksets.taskset import Taskset

PUBLIC, PRIVATE = "acme/sums", "acme/sums-answers"
DECLARATION = {
    "spec_version": "hf-rl-env-0.1",
    "environments": [
        {
            "id": "sums",
            "task": {
                "id": "key",
                "reset": {"prompt": "question", "answer": "answer"},
                "visible": ["prompt"],
                "public": ["topic"],
                "gold": {"answer": "answer"},
            },
            "frameworks": {"openenv": {"package": "openenv-tasksets", "environment": "answer"}},
        }
    ],
}


@pytest.fixture
def server():
    with LoopbackHub() as running:
        yield running


def open_hub(server, token=None):
    return Hub(
        server.endpoint,
        token=server.token if token is None else token,
        cache_dir=server.cache_dir / str(token),
        wait=lambda seconds: None,
    )


@pytest.fixture
def hub(server):
    return open_hub(server)


def rows(count=5):
    return [
        {"key": f"k{n}", "question": f"{n}?", "answer": 1000 + n, "topic": "t", "notes": {"why": ["secret"]}}
        for n in range(count)
    ]


def taskset(given=None):
    return Taskset.from_rows({"train": rows() if given is None else given}, Declaration.from_dict(DECLARATION))


def read(server, repo_id, revision="main"):
    return pq.read_table(io.BytesIO(server.files(repo_id, revision)["data/train-00000-of-00001.parquet"]))


def joined(hub, repo_id=PUBLIC):
    """The taskset as a reader has it."""
    return Taskset.from_hub(repo_id, hub=hub)


class TestPush:
    def test_the_public_half_has_a_commitment_and_nothing_hidden(self, server, hub):
        push_hidden(taskset(), PUBLIC, PRIVATE, hub=hub)
        public, private = read(server, PUBLIC), read(server, PRIVATE)
        assert public.column_names == ["key", "question", "topic", "tasksets_commitment"]
        assert private.column_names == ["key", "answer", "notes", "tasksets_nonce"]
        assert not any(b"secret" in content or b"1003" in content for content in server.files(PUBLIC).values())
        snapshot = server.snapshot()
        assert (snapshot[f"datasets/{PUBLIC}"]["private"], snapshot[f"datasets/{PRIVATE}"]["private"]) == (False, True)
        for shown, kept in zip(public.to_pylist(), private.to_pylist(), strict=True):
            values = {"answer": kept["answer"], "notes": kept["notes"]}
            assert len(bytes.fromhex(kept["tasksets_nonce"])) == 32
            assert shown["tasksets_commitment"] == commitment(kept["tasksets_nonce"], "train", shown["key"], values)
        assert len({row["tasksets_nonce"] for row in private.to_pylist()}) == 5

    def test_the_public_declaration_names_the_private_commit_and_keeps_the_author_s_text(self, server, hub, tmp_path):
        text = "# mine\n" + json.dumps(DECLARATION, indent=1)
        (tmp_path / "environment.yaml").write_text(text)
        (tmp_path / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows()))
        push_hidden(Taskset.from_path(tmp_path), PUBLIC, PRIVATE, hub=hub)
        published = server.files(PUBLIC)["environment.yaml"].decode()
        assert published.startswith("# mine\n")
        found = read_from_hub(DatasetReference.parse(PUBLIC), hub).environment.dataset.hidden
        assert (found.repo_id, found.revision) == (PRIVATE, server.head(PRIVATE))
        assert (tmp_path / "environment.yaml").read_text() == text

    def test_a_second_push_changes_nothing(self, server, hub):
        push_hidden(taskset(), PUBLIC, PRIVATE, hub=hub)
        before = server.snapshot()
        assert not push_hidden(taskset(), PUBLIC, PRIVATE, hub=hub).changed
        assert server.snapshot() == before

    def test_only_the_commitment_of_a_changed_answer_changes(self, server, hub):
        push_hidden(taskset(), PUBLIC, PRIVATE, hub=hub)
        old = read(server, PUBLIC).column("tasksets_commitment").to_pylist()
        changed = rows(6)
        changed[2]["answer"] = 7
        push_hidden(taskset(changed), PUBLIC, PRIVATE, hub=hub)
        new = read(server, PUBLIC).column("tasksets_commitment").to_pylist()
        assert [one == other for one, other in zip(old, new, strict=False)] == [True, True, False, True, True]

    def test_a_dry_run_writes_nothing(self, server, hub):
        result = push_hidden(taskset(), PUBLIC, PRIVATE, hub=hub, dry_run=True)
        assert result.changed
        assert result.notes == (f"hidden columns (answer, notes) go to {PRIVATE}",)
        assert server.snapshot() == {}
        result = push_hidden(taskset(), PUBLIC, PRIVATE, hub=hub)
        assert result.notes == (f"hidden columns (answer, notes) are in {PRIVATE}@{server.head(PRIVATE)[:7]}",)

    def test_a_private_repository_that_is_public_is_refused(self, server, hub):
        server.create_repo(PRIVATE)
        with pytest.raises(HubError, match=f"{PRIVATE} exists and is public, but private=True"):
            push_hidden(taskset(), PUBLIC, PRIVATE, hub=hub)
        assert list(server.files(PRIVATE)) == [".gitattributes"]

    def test_ids_must_be_unique(self, server, hub):
        with pytest.raises(SourceError, match="row 5: the id 'k0' is that of another task too"):
            push_hidden(taskset([*rows(), rows()[0]]), PUBLIC, PRIVATE, hub=hub)
        assert server.snapshot() == {}

    def test_a_public_half_that_fails_leaves_the_one_before_with_its_answers(self, server, hub):
        push_hidden(taskset(), PUBLIC, PRIVATE, hub=hub)
        changed = rows()
        changed[0]["answer"] = 7
        server.fail("500", every=True, matching=lambda request: f"{PUBLIC}/commit/" in request.path)
        with pytest.raises(HubError):
            push_hidden(taskset(changed), PUBLIC, PRIVATE, hub=hub)
        server.heal()
        assert joined(hub)["train"][0].hidden.reveal() == {"answer": 1000}
        assert verify(PUBLIC, hub=hub).holds
        push_hidden(taskset(changed), PUBLIC, PRIVATE, hub=hub)
        assert joined(hub)["train"][0].hidden.reveal() == {"answer": 7}

    def test_columns_of_json_text_are_decoded_where_they_are_bound_and_no_matter_elsewhere(self, server, hub):
        declared = json.loads(json.dumps(DECLARATION))
        task = declared["environments"][0]["task"]
        task |= {"json": ["notes", "topic"], "public": ["topic.name"], "reset": {**task["reset"], "notes": "notes"}}
        given = [{**row, "notes": '{"why": "secret"}', "topic": '{"name": "t"}'} for row in rows()]
        whole = Taskset.from_rows({"train": given}, Declaration.from_dict(declared))
        push_hidden(whole, PUBLIC, PRIVATE, hub=hub)
        assert list(joined(hub)["train"]) == list(whole["train"])
        shown = joined(open_hub(server, token=False))["train"][1]
        assert (shown.public, shown.hidden.reveal()) == (whole["train"][1].public, {})

    def test_files_that_the_author_names_hold_both_halves_and_are_not_named_in_public(self, server, hub, tmp_path):
        declared = json.loads(json.dumps(DECLARATION))
        declared["environments"][0]["dataset"] = {"data_files": {"held": "all.jsonl"}}
        (tmp_path / "environment.yaml").write_text(json.dumps(declared))
        (tmp_path / "all.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows()))
        whole = Taskset.from_path(tmp_path)
        assert push_hidden(whole, PUBLIC, PRIVATE, hub=hub).changed
        assert "all.jsonl" not in server.files(PUBLIC)
        assert list(joined(hub)["held"]) == list(whole["held"])
        assert not push_hidden(whole, PUBLIC, PRIVATE, hub=hub).changed

    def test_a_lock_beside_the_declaration_stays_there(self, server, hub, tmp_path):
        """Its hashes cover hidden values: an answer of few possible ones could be found by trying."""
        (tmp_path / "environment.yaml").write_text(json.dumps(DECLARATION))
        (tmp_path / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows()))
        write_lock(tmp_path / "taskset.lock", *make_lock(open_inventory(tmp_path)))
        result = push_hidden(Taskset.from_path(tmp_path), PUBLIC, PRIVATE, hub=hub)
        assert result.notes[0] == "taskset.lock is not pushed: the hashes of its tasks cover hidden values"
        for repo_id in (PUBLIC, PRIVATE):
            assert not [path for path in server.files(repo_id) if "lock" in path]


class TestNeverPublic:
    def test_a_column_that_was_ever_public_is_refused_wherever_it_was(self, server, hub):
        whole = taskset()
        for where in ({}, {"revision": "old"}, {"create_pr": True}):
            repo_id = f"acme/was-{len(server.snapshot())}"
            server.create_repo(repo_id)
            push(whole.declaration, [whole], repo_id, hub=hub, **where)
            server.commit(repo_id, dict.fromkeys(set(server.files(repo_id)) - {".gitattributes"}))
            before = server.snapshot()
            with pytest.raises(
                SourceError, match=f"{repo_id}: data/train.*parquet of commit .{{7}} holds the column 'answer'"
            ):
                push_hidden(taskset(), repo_id, PRIVATE, hub=hub)
            assert server.snapshot() == before

    def test_a_file_that_cannot_be_looked_into_is_refused_too(self, server, hub):
        server.create_repo(PUBLIC)
        server.commit(PUBLIC, {"train.jsonl": b"{}"})
        with pytest.raises(
            SourceError, match="train.jsonl of commit .{7} may hold hidden values, and cannot be looked"
        ):
            push_hidden(taskset(), PUBLIC, PRIVATE, hub=hub)
        server.create_repo("acme/odd")
        server.commit("acme/odd", {"x.parquet": b"PAR1 no"})
        with pytest.raises(SourceError, match="x.parquet of commit .{7} is no Parquet file"):
            push_hidden(taskset(), "acme/odd", PRIVATE, hub=hub)


class TestRead:
    @pytest.fixture(autouse=True)
    def _pushed(self, server, hub):
        push_hidden(taskset(), PUBLIC, PRIVATE, hub=hub)

    def test_with_the_token_tasks_are_those_that_were_pushed(self, hub):
        assert list(joined(hub)["train"]) == list(taskset()["train"])

    def test_without_it_anyone_reads_the_public_half_and_is_told(self, server, caplog):
        tasks = joined(open_hub(server, token=False))["train"]
        assert [task.id for task in tasks] == [f"k{n}" for n in range(5)]
        assert (tasks[3].visible, tasks[3].public) == ({"prompt": "3?"}, {"topic": "t"})
        assert (tasks[3].hidden.reveal(), tasks[3].gold.reveal()) == ({}, {})
        assert (logging.WARNING, f"may not read the hidden columns in {PRIVATE}") == (
            caplog.records[-1].levelno,
            caplog.records[-1].getMessage().partition("token ")[2].partition(";")[0],
        )

    def test_a_position_is_the_same_task_for_who_has_the_token_and_for_who_has_not(self, server, hub):
        shown = joined(open_hub(server, token=False))
        assert [joined(hub).locate("train", n) for n in range(15)] == [shown.locate("train", n) for n in range(15)]

    def test_pinned_a_second_use_makes_no_request(self, server, hub):
        pin = str(joined(hub).reference)
        first = list(joined(hub, pin)["train"])
        server.reset_log()
        assert list(joined(hub, pin)["train"]) == first
        assert server.requests == []

    def test_offline_it_is_what_could_be_read_online(self, server, hub, caplog):
        nobody = open_hub(server, token=False)
        for online, hidden in ((hub, {"answer": 1003}), (nobody, {})):
            joined(online).task("train", 0)
            offline = Hub(server.endpoint, token=False, cache_dir=online.cache_dir, offline=True)
            server.reset_log()
            assert joined(offline)["train"][3].hidden.reveal() == hidden
            assert server.requests == []
        assert f"offline and without the hidden columns in {PRIVATE}" in caplog.records[-1].getMessage()

    def test_a_hub_that_does_not_answer_is_not_taken_for_a_refusal(self, server, hub):
        server.fail("500", every=True, matching=lambda request: PRIVATE in request.path)
        with pytest.raises(HubError, match=f"the files of {PRIVATE}.* gives no usable answer"):
            joined(hub)

    def test_a_copy_of_the_public_half_in_a_folder_is_joined_too(self, server, hub, tmp_path):
        for path, content in server.files(PUBLIC).items():
            (tmp_path / path).parent.mkdir(exist_ok=True)
            (tmp_path / path).write_bytes(content)
        assert list(Taskset.from_path(tmp_path, hub=hub)["train"]) == list(taskset()["train"])
        shown = Taskset.from_path(tmp_path, hub=open_hub(server, token=False))["train"]
        assert (shown[3].visible, shown[3].hidden.reveal()) == ({"prompt": "3?"}, {})

    def test_a_declaration_elsewhere_may_bind_both_halves(self, server, hub, tmp_path):
        public, private = server.head(PUBLIC), server.head(PRIVATE)
        declared = json.loads(json.dumps(DECLARATION))
        declared["environments"][0]["dataset"] = {
            "repo_id": PUBLIC,
            "revision": public,
            "hidden": {"repo_id": PRIVATE, "revision": private},
        }
        (tmp_path / "environment.yaml").write_text(json.dumps(declared))
        assert list(Taskset.from_path(tmp_path, hub=hub)["train"]) == list(taskset()["train"])

    def test_columns_are_joined_one_by_one_and_by_id(self, hub):
        split = joined(hub).split("train")
        assert split.columns == ("key", "question", "topic", "answer", "notes")
        assert list(split.rows.column("answer")) == [1000 + n for n in range(5)]
        assert split.rows.location(3).endswith("row 3")

    def test_joined_again_they_are_not_published_by_mistake(self, server, hub):
        before = server.snapshot()
        whole = joined(hub)
        for repo_id in (PUBLIC, "acme/copy"):
            with pytest.raises(
                SourceError, match=f"are in {PRIVATE}, and would be published here: push with hidden_repo"
            ):
                push(whole.declaration, [whole], repo_id, hub=hub)
        assert server.snapshot() == before
        assert not push_hidden(whole, PUBLIC, PRIVATE, hub=hub).changed
        half = joined(open_hub(server, token=False))
        push(half.declaration, [half], "acme/copy", hub=hub)
        assert read(server, "acme/copy").column_names == read(server, PUBLIC).column_names

    def test_halves_that_do_not_belong_together_are_refused(self, server, hub):
        pinned = server.head(PRIVATE)
        other = rows()
        other[0], other[1] = other[1], other[0]
        push_hidden(taskset(other), "acme/other", PRIVATE, hub=hub)
        moved = server.files("acme/other")["data/train-00000-of-00001.parquet"]
        server.commit(PUBLIC, {"data/train-00000-of-00001.parquet": moved})
        with pytest.raises(SourceError, match="row 0: the hidden row beside it is that of another task"):
            joined(hub).task("train", 0)
        assert pinned != server.head(PRIVATE)


class TestLockAndDiff:
    """Commitments stand for hidden values, and need no token."""

    @pytest.fixture(autouse=True)
    def _pushed(self, server, hub):
        push_hidden(taskset(), PUBLIC, PRIVATE, hub=hub)

    def test_a_changed_answer_is_a_changed_task_and_a_lock_says_so(self, server, hub, tmp_path):
        first = server.head(PUBLIC)
        nobody = open_hub(server, token=False)
        lock = tmp_path / "taskset.lock"
        write_lock(lock, *make_lock(open_inventory(PUBLIC, hub=nobody)))
        refuse_drift(open_inventory(PUBLIC, hub=hub), lock, deep=True)
        assert Taskset.from_hub(PUBLIC, hub=hub, lock=lock).num_tasks("train") == 5
        changed = rows()
        changed[2]["answer"] = 7
        push_hidden(taskset(changed), PUBLIC, PRIVATE, hub=hub)
        found = diff(*(open_source(f"{PUBLIC}@{revision}", hub=nobody) for revision in (first, "main")))
        assert found == TaskDiff(changed=(TaskName("train", "k2"),))
        assert diff(open_source(lock), open_source(PUBLIC, hub=nobody)) == found
        with pytest.raises(LockDrift, match="task train: k2: changed"):
            refuse_drift(open_inventory(PUBLIC, hub=hub), lock, deep=True)
        assert not any(
            PRIVATE in request.path for request in server.requests if request.origin == "api" and not request.authorized
        )

    def test_a_side_without_commitments_cannot_be_compared(self, hub, tmp_path):
        (tmp_path / "environment.yaml").write_text(json.dumps(DECLARATION))
        (tmp_path / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows()))
        with pytest.raises(SelectionError, match="one side has its hidden columns in a private repository"):
            diff(open_source(tmp_path), open_source(PUBLIC, hub=hub))


class TestVerify:
    @pytest.fixture(autouse=True)
    def _pushed(self, server, hub):
        push_hidden(taskset(), PUBLIC, PRIVATE, hub=hub)

    def test_untouched_answers_are_those_that_were_committed_to(self, hub):
        found = verify(PUBLIC, hub=hub)
        assert (found.checked, found.holds) == (5, True)

    def test_an_answer_that_was_changed_later_is_named(self, server, hub):
        first = server.head(PUBLIC)
        changed = rows(4)
        changed[1]["answer"] = 7
        push_hidden(taskset(changed), PUBLIC, PRIVATE, hub=hub)
        assert verify(PUBLIC, hub=hub).holds
        assert verify(f"{PUBLIC}@{first}", hub=hub).holds
        found = verify(f"{PUBLIC}@{first}", hub=hub, hidden_revision="main")
        assert (found.changed, found.missing) == ((("train", "k1"),), (("train", "k4"),))
        assert not found.holds

    def test_without_hidden_columns_there_is_nothing_to_verify(self, server, hub):
        whole = taskset()
        push(whole.declaration, [whole], "acme/whole", hub=hub)
        with pytest.raises(SourceError, match="its declaration names no dataset.hidden"):
            verify("acme/whole", hub=hub)

    def test_without_the_right_to_read_them_neither(self, server):
        with pytest.raises(HubError, match=PRIVATE):
            verify(PUBLIC, hub=open_hub(server, token=False))
