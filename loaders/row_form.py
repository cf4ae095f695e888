"""How the rows of a split are packed: made at the first use, since Arrow's kernels take a while to load."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

import pyarrow as pa

from openenv_tasksets.loaders.cached_property import cached_property
from openenv_tasksets.loaders.row_unpack import Unpacker

if TYPE_CHECKING:
    from openenv_tasksets.loaders.row_pack import Packer


class RowForm:
    """Packs and unpacks the rows of files whose columns have the types given. Thread-safe.

    Args:
        kinds: The types of the columns, of every file.
    """

    def __init__(self, kinds: Iterable[pa.DataType]) -> None:
        self._kinds = tuple(dict.fromkeys(kinds))

    @cached_property
    def _codes(self) -> tuple[pa.DataType, ...]:
        from openenv_tasksets.loaders.row_pack import fixed_types

        return fixed_types(self._kinds)

    @cached_property
    def types(self) -> bytes:
        """The types with a code, as ``Unpacker`` takes them."""
        if not self._codes:
            return b""
        schema = pa.schema([(str(code), kind) for code, kind in enumerate(self._codes)])
        return bytes(schema.serialize().to_pybytes())

    @cached_property
    def packer(self) -> "Packer":
        """Packs."""
        from openenv_tasksets.loaders.row_pack import Packer

        return Packer(self._codes)

    @cached_property
    def unpacker(self) -> Unpacker:
        """Unpacks."""
        return Unpacker(self.types)
