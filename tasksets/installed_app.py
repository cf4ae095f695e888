"""The server that an installed OpenEnv environment package brings: where its application is."""

import re
from dataclasses import dataclass
from importlib.metadata import Distribution
from importlib.util import find_spec
from pathlib import Path

import yaml

from openenv_tasksets.loaders.errors import EnvironmentNotFound

PREFIX = "openenv-"
"""What the names of OpenEnv's environment packages begin with."""

_DEFAULT_APP = "server.app:app"
_APP = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*:[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*", re.ASCII)
_LARGEST_MANIFEST_BYTES = 256 * 2**10


@dataclass(frozen=True, slots=True)
class InstalledApp:
    """An ASGI application that speaks OpenEnv's API.

    Attributes:
        package: The distribution and its version, as in ``openenv-echo 0.1.0``.
        app: Where it is imported from, as in ``echo.server.app:app``.
        folder: The package's folder, to which the application's relative paths refer.
    """

    package: str
    app: str
    folder: Path


def find_app(installed: Distribution, manifest: str = "openenv.yaml") -> InstalledApp | None:
    """The application that a distribution's manifest names; None where it brings none. Imports nothing of it.

    A package named ``openenv-*`` that was installed without its manifest, as wheels of OpenEnv's template are, has
    the template's ``server.app:app``.

    Args:
        installed: The distribution.
        manifest: Path of the manifest in the package.

    Raises:
        EnvironmentNotFound: The manifest cannot be read, or names no application that is there.
    """
    for module in _modules(installed):
        folder = _folder(module)
        if folder is None:
            continue
        file = folder / manifest
        if file.is_file():
            app = _declared(file)
        elif installed.name.lower().startswith(PREFIX) and (folder / "server" / "app.py").is_file():
            app = _DEFAULT_APP
        else:
            continue
        if app is not None:
            _check_there(app, folder, file)
            return InstalledApp(f"{installed.name} {installed.version}", f"{module}.{app}", folder)
    return None


def _modules(installed: Distribution) -> list[str]:
    """The top-level packages that may be the environment's, the likeliest first."""
    name = installed.name.lower()
    listed = (installed.read_text("top_level.txt") or "").split()
    names = [name.removeprefix(PREFIX), name, *listed]
    return list(dict.fromkeys(each for one in names if (each := one.replace("-", "_")).isidentifier()))


def _folder(module: str) -> Path | None:
    try:
        spec = find_spec(module)
    except ValueError:  # imported, and not from a file
        return None
    places = None if spec is None else spec.submodule_search_locations
    return next((Path(place) for place in places or ()), None)


def _declared(file: Path) -> str | None:
    try:
        text = file.read_bytes()[: _LARGEST_MANIFEST_BYTES + 1]
        if len(text) > _LARGEST_MANIFEST_BYTES:
            raise EnvironmentNotFound(f"{file} is larger than {_LARGEST_MANIFEST_BYTES} bytes")
        declared = yaml.safe_load(text)
    except (OSError, yaml.YAMLError, RecursionError) as exc:
        raise EnvironmentNotFound(f"{file} cannot be read: {type(exc).__name__}") from exc
    app = declared.get("app") if isinstance(declared, dict) else None
    if app is not None and not (isinstance(app, str) and _APP.fullmatch(app)):
        raise EnvironmentNotFound(f"{file}: app: expected a module and a name such as {_DEFAULT_APP}; got {app!r:.100}")
    return app


def _check_there(app: str, folder: Path, manifest: Path) -> None:
    module = folder.joinpath(*app.partition(":")[0].split("."))
    if not (module.with_suffix(".py").is_file() or (module / "__init__.py").is_file()):
        raise EnvironmentNotFound(
            f"{manifest} names the application {app}, but there is no {module.with_suffix('.py')}; "
            "was the package installed whole?"
        )
