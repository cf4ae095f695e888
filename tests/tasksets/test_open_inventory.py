"""What a taskset is made of, known without reading a row."""

import pytest
from loopback_hub import LoopbackHub
from sample_taskset import ENVIRONMENT, FILES, write_files

from openenv_tasksets.loaders.errors import (
    DeclarationError,
    ReferenceInvalid,
    RepositoryNotFound,
    SelectionError,
    SourceError,
)
from openenv_tasksets.loaders.hub import Hub
from openenv_tasksets.open_inventory import open_inventory
from openenv_tasksets.taskset import Taskset


class TestFolder:
    def test_splits_and_files_are_those_of_the_taskset(self, tmp_path):
        folder = write_files(tmp_path, FILES)
        inventory = open_inventory(folder)
        assert inventory.split_names == tuple(Taskset.from_path(folder)) == ("train", "test")
        assert [file.path for file in inventory.files["train"]] == [
            "data/train-00000-of-00002.parquet",
            "data/train-00001-of-00002.parquet",
        ]
        assert (inventory.reference, inventory.dataset, inventory.is_far) == (None, None, False)
        assert inventory.units("none") == ()
        assert open_inventory(folder / "environment.yaml").files == inventory.files

    def test_the_files_may_be_in_another_folder(self, tmp_path):
        data = write_files(tmp_path / "data", {name: FILES[name] for name in FILES if name.startswith("data/")})
        own = write_files(tmp_path / "own", {"environment.yaml": FILES["environment.yaml"]})
        assert open_inventory(own, data_dir=data).split_names == ("train", "test")
        with pytest.raises(SourceError, match="no files of rows"):
            open_inventory(own)

    def test_an_environment_is_chosen_as_ever(self, tmp_path):
        folder = write_files(tmp_path, FILES)
        with pytest.raises(SelectionError, match="no environment 'speling'; did you mean 'spelling'"):
            open_inventory(folder, environment="speling")
        with pytest.raises(DeclarationError, match="there is no such file"):
            open_inventory(tmp_path / "none")

    def test_rows_made_by_code_have_no_files(self, tmp_path):
        text = ENVIRONMENT.replace("    task:", "    dataset: {source: sums}\n    task:")
        with pytest.raises(SourceError, match="rows are made by code"):
            open_inventory(write_files(tmp_path, {"environment.yaml": text.encode()}))


class TestHub:
    @pytest.fixture
    def server(self):
        with LoopbackHub() as running:
            running.create_repo("acme/words")
            running.commit("acme/words", FILES)
            yield running

    @pytest.fixture
    def hub(self, server):
        return Hub(server.endpoint, token=server.token, cache_dir=server.cache_dir, wait=lambda seconds: None)

    def test_no_row_file_is_fetched_until_it_is_read(self, server, hub):
        inventory = open_inventory("acme/words", hub=hub)
        assert inventory.split_names == ("train", "test")
        assert str(inventory.reference) == f"hf://datasets/acme/words/spelling@{server.head('acme/words')}"
        assert (inventory.dataset, inventory.is_far) == (None, True)
        assert not any(".parquet" in request.path for request in server.requests)
        assert list(inventory.read_split("train")) == ["k1", "k2", "k3"]
        assert not any("test-00000" in request.path for request in server.requests)

    def test_rows_elsewhere_have_a_commit_of_their_own(self, server, hub, tmp_path):
        text = ENVIRONMENT.replace("    task:", "    dataset: {repo_id: acme/words}\n    task:")
        server.create_repo("acme/bound")
        commit = server.commit("acme/bound", {"environment.yaml": text.encode()})
        local = write_files(tmp_path, {"environment.yaml": text.encode()})
        on_hub, in_folder = open_inventory("acme/bound", hub=hub), open_inventory(local, hub=hub)
        assert on_hub.reference.commit_hash == commit
        assert in_folder.reference is None
        for inventory in (on_hub, in_folder):
            assert str(inventory.dataset) == f"hf://datasets/acme/words@{server.head('acme/words')}"
            assert list(inventory.read_split("test")) == ["k4"]

    def test_what_cannot_be_had_is_told(self, hub):
        with pytest.raises(SourceError, match="data_dir is for a taskset in a folder"):
            open_inventory("acme/words", data_dir="x", hub=hub)
        with pytest.raises(ReferenceInvalid, match="the environment is given twice"):
            open_inventory("acme/words/spelling", environment="rhymes", hub=hub)
        with pytest.raises(RepositoryNotFound):
            open_inventory("acme/none", hub=hub)
