"""Lines of a requirements file: what is installed here of some packages and all that they need, each pinned."""

import json
from collections.abc import Iterable, Sequence
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename
from packaging.version import Version

from openenv_tasksets.loaders.errors import EnvironmentNotFound, SourceError

WHEELS = "wheels"
"""The folder, beside the requirements file, that wheels are taken from."""


def pinned_requirements(packages: Iterable[str], wheels: Sequence[Path] = ()) -> tuple[str, ...]:
    """Pin packages, and whatever they need on this machine, at the versions that are installed.

    Args:
        packages: Requirements such as ``openenv-tasksets`` or ``acme-environments[math]``.
        wheels: Files to install instead of what an index has; each must be of the version that is installed.

    Returns:
        A line for each distribution, sorted by name.

    Raises:
        EnvironmentNotFound: One of them is not installed.
        SourceError: One is installed from a folder or a file that nobody else has, and no wheel of it is given; or a
            wheel is not one, or of none of the distributions, or of another version.
    """
    given = _by_name(wheels)
    lines = {}
    for name, installed in _closure(packages).items():
        wheel = given.pop(name, None)
        lines[name] = _line(installed) if wheel is None else _wheel_line(installed, wheel)
    if given:
        wheel = next(iter(given.values()))
        raise SourceError(f"{wheel}: nothing that is needed here comes from this wheel; leave it out")
    return tuple(lines[name] for name in sorted(lines))


def _closure(packages: Iterable[str]) -> dict[str, Distribution]:
    """Every distribution that is needed, by its normalized name."""
    found: dict[str, Distribution] = {}
    extras: dict[str, set[str]] = {}
    waiting = [Requirement(text) for text in packages]
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        wanted = {"", *requirement.extras} - extras.setdefault(name, set())
        if not wanted:
            continue
        extras[name] |= wanted
        installed = found.setdefault(name, _installed(requirement))
        for text in installed.requires or ():
            needed = Requirement(text)
            if needed.marker is None or any(needed.marker.evaluate({"extra": extra}) for extra in wanted):
                waiting.append(needed)
    return found


def _installed(requirement: Requirement) -> Distribution:
    try:
        return distribution(requirement.name)
    except PackageNotFoundError:
        raise EnvironmentNotFound(
            f"package {requirement.name!r} is not installed, so there is no version to pin: pip install '{requirement}'"
        ) from None


def _line(installed: Distribution) -> str:
    # The public part: an index has no local builds, such as 2.1+cpu, and pip takes one for the other.
    version = Version(installed.version).public
    origin = json.loads(installed.read_text("direct_url.json") or "{}")
    # What lies about as metadata of a source folder was put there by no installer.
    if not origin and installed.read_text("INSTALLER") is not None:
        return f"{installed.name}=={version}"
    repository = origin.get("vcs_info")
    if repository is not None:
        return f"{installed.name} @ {repository['vcs']}+{origin['url']}@{repository['commit_id']}"
    where = origin.get("url", "a folder")
    raise SourceError(
        f"package {installed.name!r} {version} is installed from {where}, which nobody else can install; build its "
        "wheel (pip wheel --no-deps FOLDER) and name it with --wheel"
    )


def _wheel_line(installed: Distribution, wheel: Path) -> str:
    _, version, _, _ = parse_wheel_filename(wheel.name)
    if version != Version(installed.version):
        raise SourceError(
            f"{wheel}: version {version}, but {installed.name} {installed.version} is installed: build the wheel anew"
        )
    return f"./{WHEELS}/{wheel.name}"


def _by_name(wheels: Sequence[Path]) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for wheel in wheels:
        try:
            name, *_ = parse_wheel_filename(wheel.name)
        except InvalidWheelFilename as exc:
            raise SourceError(f"{wheel}: not the name of a wheel, NAME-VERSION-PYTHON-ABI-PLATFORM.whl") from exc
        if not wheel.is_file():
            raise SourceError(f"{wheel}: no such file")
        if name in found:
            raise SourceError(f"{wheel}: {found[name]} is a wheel of the same package")
        found[name] = wheel
    return found
