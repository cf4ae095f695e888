"""Files of the Hub read where they are: few requests, every answer checked, the same rows once they have arrived."""

import io
import shutil

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from openenv_tasksets.loaders.block_order import BlockOrder
from openenv_tasksets.loaders.errors import HubUnavailable, SourceChanged, SourceError
from openenv_tasksets.loaders.far_files import FarFiles
from openenv_tasksets.loaders.hub import Hub
from openenv_tasksets.loaders.load import open_rows
from openenv_tasksets.loaders.order import Order
from openenv_tasksets.loaders.parquet import ParquetRows
from openenv_tasksets.loaders.stored_rows import StoredRows
from openenv_tasksets.loaders.stores import Stores
from openenv_tasksets.loaders.stream import RowStream

REPO = "acme/words"
NAMES = [f"data/train-{number}.parquet" for number in range(3)]
ROWS = 400


def table(number):
    ids = range(number * ROWS, (number + 1) * ROWS)
    noise = [f"{n * 2654435761 % 2**32:032b}" * 20 for n in ids]
    return pa.table({"id": [f"task-{n}" for n in ids], "n": ids, "noise": noise})


def content(number, **options):
    sink = io.BytesIO()
    pq.write_table(table(number), sink, **{"row_group_size": 100, "compression": "none", **options})
    return sink.getvalue()


FILES = {name: content(number) for number, name in enumerate(NAMES)}
EXPECTED = [row for number in range(3) for row in table(number).to_pylist()]


@pytest.fixture
def server(hub):
    hub.create_repo(REPO)
    hub.commit(REPO, FILES)
    return hub


def client(server, **options):
    return Hub(server.endpoint, server.token, server.cache_dir, wait=lambda _: None, timeout_s=2.0, **options)


def far(server, **options):
    return FarFiles(client(server, **options), REPO, server.head(REPO), NAMES)


def sent(server):
    return sum(request.bytes_out for request in server.requests)


class TestRequests:
    def test_opening_asks_for_the_end_of_each_file_and_the_first_row_for_one_row_group(self, server):
        files = far(server)
        server.reset_log()

        rows = ParquetRows.of(files)

        asked = [request for request in server.requests if request.origin == "cdn"]
        assert len(asked) == len(NAMES)
        assert all(request.range for request in server.requests)
        assert sent(server) <= len(NAMES) * (64 << 10)
        server.reset_log()

        assert rows[0] == EXPECTED[0]
        assert [request.range is not None for request in server.requests] == [True]
        group = pq.read_metadata(io.BytesIO(FILES[NAMES[0]])).row_group(0)
        assert sent(server) <= group.total_byte_size + 1000
        assert rows.read_many(range(100)) == EXPECTED[:100]
        assert len(server.requests) == 1

    def test_only_the_bound_columns_are_asked_for(self, server):
        rows = ParquetRows.of(far(server), ["n"])
        server.reset_log()

        assert rows[ROWS] == {"n": ROWS}
        assert sent(server) < 4000

    def test_every_row_is_what_pyarrow_reads(self, server):
        rows = ParquetRows.of(far(server))

        assert list(rows) == EXPECTED
        assert rows.read_many([1100, 3, 500]) == [EXPECTED[1100], EXPECTED[3], EXPECTED[500]]
        assert list(rows.column("n")) == list(range(3 * ROWS))

    @pytest.mark.parametrize("shard_count", [1, 2])
    def test_by_blocks_each_reader_asks_for_each_row_group_once_an_epoch(self, server, shard_count, tmp_path):
        sizes = [
            pq.read_metadata(io.BytesIO(content)).row_group(number).total_byte_size
            for content in FILES.values()
            for number in range(ROWS // 100)
        ]
        for shard_index in range(shard_count):
            # A machine of its own: readers of one machine share what was fetched.
            machine = Hub(server.endpoint, server.token, tmp_path / str(shard_index), timeout_s=2.0)
            rows = ParquetRows.of(FarFiles(machine, REPO, server.head(REPO), NAMES))
            order = BlockOrder(len(rows), rows.block_starts, "", 2)
            shard = {"shard_index": shard_index, "shard_count": shard_count, "stop": len(rows)}
            server.reset_log()

            found = [row["n"] for _, row in RowStream(rows, order, **shard)]

            assert found == [order.index(position) for position in range(shard_index, len(rows), shard_count)]
            assert len(server.requests) == len(sizes)
            assert sum(sizes) <= sent(server) <= sum(sizes) + 1000 * len(sizes)

    def test_by_blocks_no_more_than_a_window_is_asked_for_ahead(self, server):
        rows = ParquetRows.of(far(server))
        server.reset_log()

        with RowStream(rows, BlockOrder(len(rows), rows.block_starts, "", 2), ahead_bytes=1) as stream:
            next(stream)

            assert 0 < len(server.requests) <= 2 * 2

    def test_the_token_goes_to_the_hub_and_nowhere_else(self, server):
        list(ParquetRows.of(far(server)))

        assert {(request.origin, request.authorized) for request in server.requests} == {("api", True), ("cdn", False)}

    def test_a_large_row_group_is_not_asked_for_whole(self, hub):
        """Its columns are read from their starts on, as far as somebody reads."""
        text = pa.table({name: [f"{n * 2654435761 % 2**32:032b}" for n in range(60_000)] for name in "ab"})
        sink = io.BytesIO()
        pq.write_table(text, sink, compression="none", use_dictionary=False, row_group_size=60_000)
        hub.create_repo(REPO)
        hub.commit(REPO, {"a.parquet": sink.getvalue()})
        rows = ParquetRows.of(FarFiles(client(hub), REPO, hub.head(REPO), ["a.parquet"]))
        hub.reset_log()

        assert rows[0] == text.slice(0, 1).to_pylist()[0]
        assert sent(hub) < len(sink.getvalue()) / 2
        assert rows[59_999] == text.slice(59_999, 1).to_pylist()[0]
        assert sent(hub) < 1.1 * len(sink.getvalue())


class TestArrival:
    def test_reading_moves_over_once_the_files_are_there(self, server, tmp_path):
        rows = StoredRows.open(far(server), Stores(tmp_path / "rows"))
        assert rows[0] == EXPECTED[0]
        assert rows.build().wait(60)
        server.reset_log()

        assert list(rows) == EXPECTED
        assert server.requests == []
        for name in NAMES:
            assert (client(server).cache_dir / "datasets--acme--words/snapshots" / server.head(REPO) / name).exists()

    def test_what_has_arrived_is_read_offline(self, server, tmp_path):
        for file in far(server):
            file.bring()
        server.reset_log()

        assert list(ParquetRows.of(far(server, offline=True))) == EXPECTED
        assert server.requests == []

    def test_offline_what_has_not_arrived_is_an_error(self, server):
        client(server).files(REPO, server.head(REPO))

        with pytest.raises(HubUnavailable, match="data/train-[012].parquet: offline, and not in the cache"):
            ParquetRows.of(far(server, offline=True))

    def test_a_cache_that_was_cleaned_is_no_error(self, server):
        files = far(server)
        for file in files:
            file.bring()
        rows = ParquetRows.of(files)
        shutil.rmtree(server.cache_dir)

        assert list(rows) == EXPECTED

    def test_a_store_is_read_without_any_request(self, server, tmp_path):
        stores = Stores(tmp_path / "rows")
        rows = StoredRows.open(far(server), stores, small_bytes=0)
        assert rows.build().wait(60)
        shutil.rmtree(server.cache_dir / "datasets--acme--words/snapshots")
        server.reset_log()

        assert list(StoredRows.open(far(server), stores, small_bytes=0)) == EXPECTED
        assert server.requests == []


def test_the_fingerprint_takes_no_file_and_is_that_of_the_same_files_here(server, tmp_path):
    files = far(server)
    server.reset_log()
    fingerprint = files.fingerprint
    assert server.requests == []
    for name, data in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(data)

    assert open_rows(tmp_path, NAMES).fingerprint == fingerprint


def test_a_file_that_the_commit_has_not_is_named(server):
    with pytest.raises(SourceError, match=r"no file 'data/train-4.parquet'; did you mean 'data/train-[012].parquet'"):
        FarFiles(client(server), REPO, server.head(REPO), ["data/train-4.parquet"])


def parts(server):
    return server.cache_dir / "datasets--acme--words/openenv-tasksets/parts"


def read_all(server):
    """An epoch over the network, whose requests can be failed one by one."""
    shutil.rmtree(parts(server), ignore_errors=True)
    return list(ParquetRows.of(far(server)))


class TestParts:
    """What was read of a file is not asked for again, whatever befalls what is kept."""

    def test_the_same_rows_are_read_again_without_a_request_and_offline(self, server):
        first = [ParquetRows.of(far(server))[index] for index in (0, ROWS)]
        server.reset_log()

        assert [ParquetRows.of(far(server))[index] for index in (0, ROWS)] == first
        assert ParquetRows.of(far(server, offline=True))[0] == EXPECTED[0]
        assert server.requests == []

    @pytest.mark.parametrize("damage", [lambda data: data[:-1], lambda data: data[:-1] + bytes([data[-1] ^ 1]), bytes])
    def test_a_part_that_is_not_as_it_was_is_asked_for_again(self, server, damage):
        assert ParquetRows.of(far(server))[0] == EXPECTED[0]
        for path in [path for path in parts(server).rglob("*") if path.is_file()]:
            path.write_bytes(damage(path.read_bytes()) or b"")
        server.reset_log()

        rows = ParquetRows.of(far(server))[0]
        assert rows == EXPECTED[0]
        assert bool(server.requests) is (damage is not bytes)

    def test_parts_go_when_the_file_has_arrived(self, server):
        files = far(server)
        assert ParquetRows.of(files)[0] == EXPECTED[0]
        kept = len(list(parts(server).iterdir()))
        files[0].bring()

        assert len(list(parts(server).iterdir())) == kept - 1


class TestFaults:
    """Every row once, or the true error."""

    @pytest.mark.parametrize(
        "how",
        [
            "429",
            "cut",
            *(pytest.param(each, marks=pytest.mark.slow) for each in ("500", "reset", "short", "lost-answer")),
        ],
    )
    def test_one_fault_at_any_request_changes_nothing(self, server, how):
        server.commit(REPO, {NAMES[0]: FILES[NAMES[0]]})
        read_all(server)
        server.reset_log()
        read_all(server)
        count = len(server.requests)
        assert count > 3 * len(NAMES)
        for nth in range(1, count + 1):
            server.fail(how, nth=nth)
            assert read_all(server) == EXPECTED
            assert server.fired == 1
            server.heal()

    @pytest.mark.slow
    @pytest.mark.parametrize("how", ["429", "500", "reset", "cut", "short", "lost-answer"])
    def test_nor_does_one_while_the_files_arrive(self, server, how, tmp_path):
        """A shuffled epoch from the store, for which each file is fetched whole."""

        def epoch(number):
            shutil.rmtree(server.cache_dir, ignore_errors=True)
            rows = StoredRows.open(far(server), Stores(tmp_path / str(number)), small_bytes=0)
            assert rows.build().wait(60)
            assert rows.is_ready()
            with RowStream(rows, Order(len(rows), "shuffled", ""), stop=len(rows)) as stream:
                return sorted((row for _, row in stream), key=lambda row: row["n"])

        server.reset_log()
        assert epoch(0) == EXPECTED
        count = len(server.requests)
        assert count > 3 * len(NAMES)
        for nth in range(1, count + 1):
            server.fail(how, nth=nth)
            assert epoch(nth) == EXPECTED
            assert server.fired == 1
            server.heal()

    @pytest.mark.slow
    @pytest.mark.parametrize("how", ["stall", "drip"])
    def test_an_answer_that_does_not_come_is_asked_for_again(self, server, how):
        read_all(server)
        for nth in (1, 4, 9):
            server.fail(how, nth=nth, matching=lambda request: request.origin == "cdn")
            assert read_all(server) == EXPECTED
            assert server.fired == 1
            server.heal()

    @pytest.mark.parametrize("how", ["429", "500", "reset", "cut", "short"])
    def test_a_fault_that_stays_is_an_error_that_says_where(self, server, how):
        rows = ParquetRows.of(far(server))
        server.fail(how, every=True)

        with pytest.raises(HubUnavailable, match=r"acme/words@[0-9a-f]{7}: data/train-0.parquet: "):
            rows[0]
        assert server.fired == 4
        server.heal()
        assert rows[0] == EXPECTED[0]

    @pytest.mark.parametrize("origin", ["api", "cdn"])
    def test_another_etag_in_mid_read_is_another_file(self, server, origin):
        rows = ParquetRows.of(far(server))
        assert rows[0] == EXPECTED[0]
        server.fail("etag", every=True)
        if origin == "api":
            # A signed address whose time is over leads back to the Hub.
            for file in rows.files:
                file._far._address = None

        with pytest.raises(SourceChanged, match="data/train-1.parquet: the Hub sends another file than the one"):
            rows[ROWS]
        assert server.fired == 1

    def test_a_signed_address_whose_time_is_over_is_asked_for_anew(self, server):
        rows = ParquetRows.of(far(server))
        for file in rows.files:
            file._far._address = file._far._address.replace("Signature=", "Signature=0")
        server.reset_log()

        assert rows[0] == EXPECTED[0]
        assert [(request.origin, request.status) for request in server.requests] == [
            ("cdn", 403),
            ("api", 302),
            ("cdn", 206),
        ]

    @pytest.mark.slow
    def test_files_that_do_not_arrive_leave_reading_as_it_was(self, server, tmp_path):
        rows = StoredRows.open(far(server), Stores(tmp_path / "rows"), small_bytes=0)
        server.fail("500", every=True, matching=lambda request: request.range is None)
        assert rows.build().wait(60)
        assert server.fired > 0

        assert list(rows) == EXPECTED
