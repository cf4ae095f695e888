"""Images, sounds and archives for tests, each in a line; and the rows that a folder of them holds."""

import io
import tarfile
import wave

from PIL import Image

from openenv_tasksets.loaders.layout import split_files
from openenv_tasksets.loaders.load import list_files, open_rows


def png(color):
    """Bytes of an image of one color."""
    content = io.BytesIO()
    Image.new("RGB", (3, 2), color).save(content, "PNG")
    return content.getvalue()


def wav():
    """Bytes of a sound."""
    content = io.BytesIO()
    with wave.open(content, "wb") as stream:
        stream.setparams((1, 2, 8000, 0, "NONE", ""))
        stream.writeframes(b"\0\1" * 80)
    return content.getvalue()


def make_tar(path, members):
    """Write an archive of files, name to content; its path is returned."""
    with tarfile.open(path, "w") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return str(path)


def opened(root, split="train"):
    """The rows of a split of a folder, whose files are found and read as their names say."""
    return open_rows(root, split_files(list_files(root))[split])


def all_of(rows):
    """Every row, one by one."""
    return [rows[index] for index in range(len(rows))]
