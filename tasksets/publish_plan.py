"""What a push would do: every file of the taskset, and whether the repository lacks it, has another, or has it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from openenv_tasksets.card_text import CardConfig, CardSplit, card_text, handwritten
from openenv_tasksets.commitment import COMMITMENT_COLUMN
from openenv_tasksets.declaration import Declaration, EnvironmentDeclaration
from openenv_tasksets.declaration_file import FILE_NAME, declaration_yaml, line_of
from openenv_tasksets.loaders.card import choose_config
from openenv_tasksets.loaders.errors import DeclarationError, Issue, SourceError
from openenv_tasksets.loaders.hub import Hub
from openenv_tasksets.loaders.hub_commit import Change
from openenv_tasksets.loaders.hub_file import HubFile
from openenv_tasksets.loaders.layout import Splits, split_files
from openenv_tasksets.loaders.load import read_card
from openenv_tasksets.loaders.reference import ResolvedReference, is_commit_hash
from openenv_tasksets.loaders.snapshot import Snapshot
from openenv_tasksets.publish_rows import PlacedSplit, RowPublisher, SplitPlace

if TYPE_CHECKING:
    from openenv_tasksets.taskset import Taskset

Action = Literal["add", "change", "same", "delete"]

CARD_NAME = "README.md"
_LOCKS = "taskset.lock*"


@dataclass(frozen=True, slots=True)
class PlannedFile:
    """One file of a push.

    Attributes:
        path: In the repository.
        action: What happens to it; ``same`` is not uploaded.
        size: Bytes that it will have; of one to delete, that it has.
    """

    path: str
    action: Action
    size: int


@dataclass(frozen=True, slots=True)
class Plan:
    """What a push would do.

    Attributes:
        files: Every file of the taskset, and those that go, by path.
        changes: What is to be committed; empty where the repository has it all.
        notes: What the user should know.
    """

    files: tuple[PlannedFile, ...]
    changes: tuple[Change, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Target:
    """The repository that is pushed to, as it is.

    Attributes:
        repo_id: ``namespace/name``.
        files: Every file of it, by path.
        card: Its README.md, if any.
    """

    repo_id: str
    files: Mapping[str, HubFile]
    card: str | None

    @classmethod
    def at(cls, hub: Hub, repo_id: str, commit_hash: str | None) -> "Target":
        """The repository at a commit; an empty one for None.

        Raises:
            HubError: The Hub does not answer.
            SourceError: README.md is not UTF-8.
        """
        if commit_hash is None:
            return cls(repo_id, {}, None)
        snapshot = Snapshot(hub, repo_id, commit_hash)
        files = {file.path: file for file in hub.files(repo_id, commit_hash)}
        return cls(repo_id, files, _text(snapshot.read(CARD_NAME), str(snapshot)))

    def splits(self, environment: EnvironmentDeclaration) -> Splits:
        """Which files hold the environment's splits now; none where that cannot be made out."""
        try:
            return _split_files(environment, self.files, self.card)
        except SourceError:
            return {}


class Planner:
    """Makes the plan for one push.

    Args:
        target: What is pushed to.
        rows: What prepares the splits.
    """

    def __init__(self, target: Target, rows: RowPublisher) -> None:
        self._target = target
        self._rows = rows
        self._changes: dict[str, Change] = {}
        self._notes: list[str] = []
        # Environments of one config share its rows.
        self._placed_splits: dict[tuple[str, str], PlacedSplit] = {}

    def plan(self, declaration: Declaration, tasksets: "Sequence[Taskset]", base_card: str | None) -> Plan:
        """The plan.

        Args:
            declaration: What is pushed.
            tasksets: Environments of it, whose rows are pushed where they do not live elsewhere.
            base_card: README.md of the taskset, which takes the place of the repository's; None takes that.

        Raises:
            SourceError: Rows that have no form in Parquet, or a card that would not lead back to them.
            DeclarationError: The declaration cannot be written.
            SecretFound: Twenty things that look like a secret.
        """
        card = base_card if base_card is not None else self._target.card
        at_home = [each for each in tasksets if is_at_home(each.environment, self._target.repo_id)]
        placed = [(taskset, self._placed(taskset, card)) for taskset in at_home]
        text = card_text(
            card,
            self._target.repo_id,
            declaration,
            self._configs(placed, card),
            {taskset.environment.id: {name: taskset.num_tasks(name) for name in taskset} for taskset in at_home},
            other=self._target.card,
        )
        self._add(Change(CARD_NAME, text.encode()))
        self._add(Change(FILE_NAME, declaration_yaml(declaration)))
        self._add_locks(declaration)
        self._check_reads_back(placed, text)
        self._note(declaration, text, base_card)
        return self._finished()

    def _placed(self, taskset: "Taskset", card: str | None) -> list[PlacedSplit]:
        environment = taskset.environment
        config_name = _config_name(environment, card)
        now = self._target.splits(environment)
        declared = None if environment.dataset is None else environment.dataset.data_files
        of_card = _card_patterns(self._target.card, environment.config_name)
        found = []
        for name in taskset:
            patterns = of_card.get(name) if declared is None else declared.get(name)
            place = SplitPlace(config_name, self._target.files, now.get(name, ()), patterns, declared is not None)
            keep_nulls = environment.task is not None and environment.task.keep_nulls
            if (config_name, name) not in self._placed_splits:
                # All columns: a split that is served has those that its tasks need.
                rows = taskset._rows[name]()
                _check_no_answers(environment, rows.columns)
                split = self._rows.place(taskset.split(name), rows, place, keep_nulls=keep_nulls)
                self._placed_splits[config_name, name] = split
                for change in split.changes:
                    self._add(change)
            found.append(self._placed_splits[config_name, name])
        return found

    def _configs(self, placed: "Sequence[tuple[Taskset, list[PlacedSplit]]]", card: str | None) -> list[CardConfig]:
        """The configs that the card shall have, with splits that are there and not pushed."""
        configs: dict[str, dict[str, CardSplit]] = {}
        changed: set[str] = set()
        for taskset, splits in placed:
            name = _config_name(taskset.environment, card)
            known = configs.setdefault(name, {})
            for split, files in self._target.splits(taskset.environment).items():
                patterns = _card_patterns(self._target.card, taskset.environment.config_name).get(split, files)
                known.setdefault(split, CardSplit(split, tuple(patterns)))
            known.update({split.card.name: split.card for split in splits})
            if any(not self._is_done(change) for split in splits for change in split.changes):
                changed.add(name)
        return [CardConfig(name, tuple(splits.values()), name in changed) for name, splits in configs.items()]

    def _check_reads_back(self, placed: "Sequence[tuple[Taskset, list[PlacedSplit]]]", card: str) -> None:
        """Make sure that whoever opens the repository finds the same files for every split."""
        paths = self._paths_after()
        for taskset, splits in placed:
            found = _split_files(taskset.environment, paths, card)
            for split in splits:
                if found.get(split.card.name) != split.paths:
                    raise SourceError(
                        f"split {split.card.name!r} would be read from {list(found.get(split.card.name, ()))[:5]}, not "
                        f"from {list(split.paths[:5])}; other files of {self._target.repo_id} are in the way"
                    )

    def _add_locks(self, declaration: Declaration) -> None:
        locks = list(_locks(declaration))
        if locks and any(
            each.dataset is not None and each.dataset.hidden is not None for each in declaration.environments
        ):
            # A hash of an answer of few possible values gives it away.
            self._notes.append(f"{locks[0].name} is not pushed: the hashes of its tasks cover hidden values")
            return
        for path in locks:
            self._add(Change(path.name, path))

    def _note(self, declaration: Declaration, card: str, base_card: str | None) -> None:
        theirs = self._target.card
        if base_card is not None and theirs is not None and handwritten(base_card) != handwritten(theirs):
            self._notes.append(f"{CARD_NAME}: its text on the Hub gives way to that of the file beside {FILE_NAME}")
        paths = self._paths_after()
        for environment in declaration.environments:
            if is_at_home(environment, self._target.repo_id):
                try:
                    _split_files(environment, paths, card)
                except SourceError:
                    self._notes.append(f"environment {environment.id!r} has no rows there yet; push it too")

    def _paths_after(self) -> list[str]:
        gone = {path for path, change in self._changes.items() if change.content is None}
        return sorted((self._target.files.keys() | self._changes.keys()) - gone)

    def _add(self, change: Change) -> None:
        known = self._changes.setdefault(change.path, change)
        if known.content != change.content:
            raise SourceError(f"{change.path}: two splits would be written there; give one of them a config_name")

    def _is_done(self, change: Change) -> bool:
        return change.is_done(self._target.files.get(change.path))

    def _finished(self) -> Plan:
        files, changes = [], []
        for path, change in sorted(self._changes.items()):
            there = self._target.files.get(path)
            action: Action = "add" if there is None else "delete" if change.content is None else "change"
            if self._is_done(change):
                action = "same"
            else:
                changes.append(change)
            size = there.size if there is not None and change.content is None else change.size
            files.append(PlannedFile(path, action, size))
        unmoved = {path for split in self._placed_splits.values() for path in split.paths} - self._changes.keys()
        files += [PlannedFile(path, "same", self._target.files[path].size) for path in unmoved]
        files.sort(key=lambda file: file.path)
        return Plan(tuple(files), tuple(changes), tuple(self._notes))


def is_at_home(environment: EnvironmentDeclaration, repo_id: str) -> bool:
    """Whether the environment's rows are in files of the repository that holds its declaration."""
    dataset = environment.dataset
    if dataset is None:
        return True
    return dataset.source is None and dataset.revision is None and dataset.repo_id in (None, repo_id)


def check_pinned(declaration: Declaration, repo_id: str, hub: Hub) -> None:
    """Make sure that rows which live elsewhere are those of a commit.

    Raises:
        DeclarationError: A revision can move; the message has the pin to write.
        HubError: The other repository cannot be asked.
    """
    issues = []
    for number, environment in enumerate(declaration.environments):
        dataset = environment.dataset
        if dataset is None or dataset.repo_id is None or is_at_home(environment, repo_id):
            continue
        if dataset.revision is None or not is_commit_hash(dataset.revision):
            commit_hash = hub.resolve(dataset.repo_id, dataset.revision)
            path = f"environments[{number}].dataset.revision"
            what = f"{dataset.revision!r} can move" if dataset.revision else "without a revision the rows can change"
            message = f"{what}, and what is published must not; write the commit: revision: {commit_hash}"
            issues.append(Issue(path, message, line_of(declaration, path)))
    if issues:
        raise DeclarationError(issues, declaration.source)


def home_card(declaration: Declaration, reference: ResolvedReference | None, hub: Hub, target: Target) -> str | None:
    """README.md that belongs to the taskset: beside its file, or, for a new repository, where it was read from.

    Args:
        declaration: What is pushed.
        reference: Where on the Hub it was read from, if so.
        hub: Where that is.
        target: What is pushed to.

    Raises:
        HubError: The repository that it was read from does not give it.
        SourceError: It cannot be read, or is not UTF-8.
    """
    folder = _folder(declaration)
    if folder is not None:
        return read_card(folder)
    if reference is None or target.card is not None:
        return None
    source = Snapshot(hub, reference.repo_id, reference.commit_hash)
    return _text(source.read(CARD_NAME), str(source))


def _check_no_answers(environment: EnvironmentDeclaration, columns: Sequence[str]) -> None:
    """Make sure that a taskset whose answers are in a private repository is not pushed with them."""
    hidden = None if environment.dataset is None else environment.dataset.hidden
    if hidden is not None and COMMITMENT_COLUMN not in columns:
        raise SourceError(
            f"the hidden columns of {environment.id!r} are in {hidden.repo_id}, and would be published here: "
            f"push with hidden_repo={hidden.repo_id!r}, or take dataset.hidden out of the declaration"
        )


def _folder(declaration: Declaration) -> Path | None:
    source = declaration.source
    return Path(source).parent if source is not None and Path(source).is_file() else None


def _locks(declaration: Declaration) -> Iterable[Path]:
    folder = _folder(declaration)
    if folder is None:
        return ()
    # A link in a folder that came from elsewhere must not publish the user's other files.
    return [path for path in sorted(folder.glob(_LOCKS)) if path.is_file() and not path.is_symlink()]


def _text(data: bytes | None, where: str) -> str | None:
    try:
        return None if data is None else data.decode("utf-8")
    except UnicodeDecodeError as exc:
        raise SourceError(f"{where}: {CARD_NAME} is not UTF-8") from exc


def _split_files(environment: EnvironmentDeclaration, paths: Iterable[str], card: str | None) -> Splits:
    data_files = None if environment.dataset is None else environment.dataset.data_files
    return split_files(list(paths), card=card, config_name=environment.config_name, data_files=data_files)


def _config_name(environment: EnvironmentDeclaration, card: str | None) -> str:
    if environment.config_name is not None:
        return environment.config_name
    try:
        return choose_config(card, None).name
    except SourceError:
        return "default"


def _card_patterns(card: str | None, config_name: str | None) -> dict[str, tuple[str, ...]]:
    """The patterns that a card has for its splits, from the repository's root."""
    try:
        config = choose_config(card, config_name)
    except SourceError:
        return {}
    prefix = f"{config.data_dir}/" if config.data_dir else ""
    return {
        split: tuple(prefix + pattern for pattern in patterns) for split, patterns in (config.data_files or {}).items()
    }
