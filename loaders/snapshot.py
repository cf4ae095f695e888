"""A dataset repository at one commit: its splits, whose files are fetched when they are opened."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from openenv_tasksets.loaders.errors import SourceError
from openenv_tasksets.loaders.far_files import FarFiles
from openenv_tasksets.loaders.hub import Hub
from openenv_tasksets.loaders.layout import Splits, file_format, split_files
from openenv_tasksets.loaders.load import open_rows
from openenv_tasksets.loaders.reference import DatasetReference
from openenv_tasksets.loaders.rows import Rows
from openenv_tasksets.loaders.stored_rows import StoredRows
from openenv_tasksets.loaders.stores import Stores

_CARD = "README.md"
# Parts of files as small as these are no less to ask for than the whole.
_FEW, _SMALL_BYTES = 8, 1 << 20


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A repository at a commit, read through a hub.

    Attributes:
        hub: Where it is.
        repo_id: ``namespace/name``.
        commit_hash: The commit: nothing read here can change.
    """

    hub: Hub
    repo_id: str
    commit_hash: str

    @classmethod
    def at(cls, hub: Hub, reference: DatasetReference) -> "Snapshot":
        """What the reference stands for now.

        Raises:
            HubError: There is no such repository or revision, or the Hub does not answer.
        """
        return cls(hub, reference.repo_id, hub.resolve(reference.repo_id, reference.revision))

    def __str__(self) -> str:
        return f"{self.repo_id}@{self.commit_hash[:7]}"

    def read(self, path: str) -> bytes | None:
        """The content of one file; None where the commit has none at that path.

        Raises:
            HubError: The Hub does not give it.
            SourceError: The cache cannot hold it.
        """
        if path not in self._paths():
            return None
        return self.hub.download(self.repo_id, self.commit_hash, path).read_bytes()

    def split_files(
        self, config_name: str | None = None, data_files: Mapping[str, Sequence[str]] | None = None
    ) -> Splits:
        """Which files hold which split, as ``layout.split_files`` decides; none of them is fetched.

        Raises:
            HubError: The Hub does not answer.
            SourceError: The splits cannot be made out.
        """
        card = None if data_files is not None else self.read(_CARD)
        try:
            text = None if card is None else card.decode("utf-8")
            return split_files(self._paths(), card=text, config_name=config_name, data_files=data_files)
        except UnicodeDecodeError as exc:
            raise SourceError(f"{self}: {_CARD} is not UTF-8") from exc
        except SourceError as exc:
            raise SourceError(f"{self}: {exc.message}") from exc

    def open_rows(self, files: Sequence[str], stores: Stores | None = None) -> Rows:
        """Open some files of one split.

        Args:
            files: Their paths, in the order of the rows.
            stores: Where the row store of Parquet files is. With it, they are read where they are, and arrive behind
                the first reads; without, and in all other formats, they are fetched first.

        Raises:
            HubError: The Hub does not give one of them.
            SourceError: One of them cannot be read as rows.
        """
        try:
            if stores is None or not files or any(file_format(name) != "parquet" for name in files):
                return open_rows(self.hub.download_many(self.repo_id, self.commit_hash, files), files)
            far = FarFiles(self.hub, self.repo_id, self.commit_hash, files)
            if len(far) <= _FEW and sum(file.size for file in far) <= _SMALL_BYTES:
                for file in far:
                    file.bring()
            return StoredRows.open(far, stores)
        except SourceError as exc:
            raise SourceError(f"{self}: {exc.message}") from exc

    def _paths(self) -> list[str]:
        return [file.path for file in self.hub.files(self.repo_id, self.commit_hash)]
