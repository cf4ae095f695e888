"""WebDataset archives through ``datasets``, with sounds and films left as they are: it would want their decoders."""

from collections.abc import Iterator
from typing import Any

from datasets import Dataset, Image, Value
from datasets.packaged_modules.webdataset.webdataset import WebDataset

_URL = "__url__"


class Archive(WebDataset):  # type: ignore[misc]
    """As ``datasets`` reads one, but that only images are more than a struct of ``bytes`` and ``path`` to it."""

    def _split_generators(self, dl_manager: Any) -> Any:
        splits = super()._split_generators(dl_manager)
        features = self.info.features
        self._undecoded = [
            name
            for name, feature in features.items()
            if hasattr(feature, "decode_example") and not isinstance(feature, Image)
        ]
        for name in self._undecoded:
            features[name] = {"bytes": Value("binary"), "path": Value("string")}
        return splits

    def _generate_examples(self, *arguments: Any, **named: Any) -> Iterator[tuple[Any, dict[str, Any]]]:
        for key, row in super()._generate_examples(*arguments, **named):
            for name in self._undecoded:
                if row[name] is not None:
                    row[name] = {"bytes": row[name], "path": f"{row['__key__']}.{name}"}
            yield key, row


def archive_rows(paths: list[str]) -> Dataset:
    """The rows of tar files; where these are on this machine is no part of a row."""
    builder = Archive(data_files={"train": paths})
    builder.download_and_prepare()
    return builder.as_dataset(split="train").remove_columns(_URL)
