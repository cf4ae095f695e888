"""The files that hold a split: taken as they are where they suit, else written anew."""

import io
import json

import pyarrow.parquet as pq
import pytest
from loopback_hub import LoopbackHub
from pushing import FILE, REPO, TRAIN, do_push, front, in_memory, make_folder, open_hub, parquet, sums, tasks

from openenv_tasksets.loaders.errors import (
    SourceError,
)
from openenv_tasksets.publish import push
from openenv_tasksets.taskset import Taskset


@pytest.fixture
def server():
    with LoopbackHub() as running:
        yield running


@pytest.fixture
def hub(server):
    return open_hub(server)


@pytest.fixture
def folder(tmp_path):
    return make_folder(tmp_path / "sums")


class TestFiles:
    def test_parquet_that_suits_random_access_is_taken_as_it_is(self, server, hub, folder):
        (folder / "train.jsonl").unlink()
        data = parquet(sums(30), compression="gzip")
        (folder / "train.parquet").write_bytes(data)
        do_push(Taskset.from_path(folder), hub)
        assert server.files(REPO)[TRAIN] == data

    def test_parquet_in_row_groups_that_are_too_large_is_written_anew(self, server, hub, folder):
        (folder / "train.jsonl").unlink()
        rows = [{"question": "x" * 5000, "answer": n} for n in range(8000)]
        (folder / "train.parquet").write_bytes(parquet(rows, use_dictionary=False))
        taskset = Taskset.from_path(folder)
        do_push(taskset, hub)
        footer = pq.read_metadata(io.BytesIO(server.files(REPO)[TRAIN]))
        assert footer.num_rows == 8000
        assert max(footer.row_group(number).num_rows for number in range(footer.num_row_groups)) <= 1000

    def test_declared_files_keep_their_names_and_their_form(self, server, hub, folder):
        declared = FILE.replace(
            "    splits:", "    dataset: {data_files: {train: train.jsonl, test: [test.jsonl]}}\n    splits:"
        )
        (folder / "environment.yaml").write_text(declared)
        taskset = Taskset.from_path(folder)
        do_push(taskset, hub)
        assert server.files(REPO)["train.jsonl"] == (folder / "train.jsonl").read_bytes()
        assert TRAIN not in server.files(REPO)
        assert tasks(Taskset.from_hub(REPO, hub=hub)) == tasks(taskset)
        assert front(server)["configs"][0]["data_files"][0] == {"split": "train", "path": "train.jsonl"}
        assert not do_push(Taskset.from_path(folder), hub).changed

    def test_declared_files_that_do_not_hold_what_is_pushed_are_refused(self, server, hub):
        taskset = in_memory({"train": sums(3)}, dataset={"data_files": {"train": "train.jsonl"}})
        with pytest.raises(SourceError, match="split 'train': dataset.data_files says which files hold it, but what"):
            do_push(taskset, hub)

    def test_a_narrowed_split_is_pushed_narrowed(self, server, hub, folder):
        taskset = Taskset.from_path(folder)
        narrowed = taskset.with_view(taskset["train"].select([7, 3]))
        do_push(narrowed, hub)
        assert [task.visible["prompt"] for task in Taskset.from_hub(REPO, hub=hub)["train"]] == ["7 + 7?", "3 + 3?"]

    def test_two_environments_have_a_config_each_and_share_a_commit(self, server, hub, tmp_path):
        second = FILE.split("environments:\n")[1].replace("id: sums", "id: more\n    config_name: more")
        (tmp_path / "environment.yaml").write_text(FILE + second)
        (tmp_path / "README.md").write_text(
            "---\nconfigs:\n- config_name: default\n  data_dir: one\n- config_name: more\n  data_dir: two\n---\n"
        )
        for name, count in (("one", 3), ("two", 4)):
            (tmp_path / name).mkdir()
            for split in ("train", "test"):
                (tmp_path / name / f"{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in sums(count)))
        both = [Taskset.from_path(tmp_path, environment=name) for name in ("sums", "more")]
        push(both[0].declaration, both, REPO, hub=hub)
        for taskset in both:
            back = Taskset.from_hub(REPO, environment=taskset.environment.id, hub=hub)
            assert tasks(back) == tasks(taskset)
        assert "more/train-00000-of-00001.parquet" in server.files(REPO)
        assert 'from_hub("acme/sums/more")' in server.files(REPO)["README.md"].decode()

    def test_an_environment_without_rows_there_is_said(self, server, hub, tmp_path):
        second = FILE.split("environments:\n")[1].replace("id: sums", "id: more\n    config_name: more")
        (tmp_path / "environment.yaml").write_text(FILE + second)
        for split in ("train", "test"):
            (tmp_path / f"{split}.jsonl").write_text(json.dumps(sums(1)[0]))
        result = do_push(Taskset.from_path(tmp_path, environment="sums"), hub)
        assert result.notes == ("environment 'more' has no rows there yet; push it too",)

    @pytest.mark.parametrize(
        ("options", "reason"),
        [
            ({"rows": {"hold-out": sums(1)}}, "split 'hold-out' cannot be published: the Hub allows letters"),
            ({"config_name": "a/b"}, "config 'a/b' cannot name a folder"),
            ({"rows": [{"question": "?", "answer": 1}, {"question": "?", "answer": "x"}]}, "values of several types"),
        ],
    )
    def test_what_has_no_place_on_the_hub_is_refused_before_anything_happens(self, server, hub, options, reason):
        with pytest.raises(SourceError, match=reason):
            do_push(in_memory(**options), hub)
        assert server.snapshot() == {}
