"""The environments that are installed here, chosen by a declaration and by nothing else: entry points, which run in
this process, and the servers of OpenEnv's environment packages, which run beside it."""

from importlib.metadata import Distribution, EntryPoint, PackageNotFoundError, distribution, entry_points, version
from typing import Any

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from openenv_tasksets.declaration import EnvironmentDeclaration, OpenEnvRuntime
from openenv_tasksets.installed_app import InstalledApp, find_app
from openenv_tasksets.loaders.errors import EnvironmentNotFound
from openenv_tasksets.loaders.spelling import listing, nearest

GROUP = "openenv_tasksets.environments"
OPENENV_VERSION = Version("0.10.0")
"""The OpenEnv whose API this library speaks; ``min_version`` is compared with it where OpenEnv is not installed."""


def find_environment(declared: EnvironmentDeclaration) -> type[Any]:
    """Load the environment class that a declaration names.

    Raises:
        EnvironmentNotFound: There is no OpenEnv runtime, it is not a package, the package or the environment is
            not installed or too old (with the command to type), or it cannot be imported.
    """
    runtime = declared.frameworks.openenv
    if runtime is None:
        raise EnvironmentNotFound(
            f"environment {declared.id!r} declares no frameworks.openenv block, so OpenEnv cannot run it"
        )
    if runtime.package is None:
        kind, name = ("image", runtime.image) if runtime.image is not None else ("Space", runtime.space_id)
        raise EnvironmentNotFound(
            f"environment {declared.id!r} runs from the {kind} {name!r}; only a 'package' runs in this process"
        )
    _check_openenv(declared.id, runtime.min_version)
    entry_point = _entry_point(runtime, runtime.package)
    try:
        environment = entry_point.load()
    except Exception as exc:
        # Of other modules nobody knows which package has them.
        is_openenv = isinstance(exc, ModuleNotFoundError) and (exc.name or "").partition(".")[0] == "openenv"
        command = f"; pip install 'openenv{runtime.min_version or ''}'" if is_openenv else ""
        raise EnvironmentNotFound(
            f"environment {entry_point.name!r} ({entry_point.value}) cannot be imported: "
            f"{type(exc).__name__}: {exc}{command}"
        ) from exc
    if not isinstance(environment, type):
        raise EnvironmentNotFound(f"entry point {entry_point.name!r} ({entry_point.value}) is not a class")
    return environment


def find_server(declared: EnvironmentDeclaration) -> InstalledApp | None:
    """The server that the declared package brings, where it offers no environment to run in this process.

    Returns:
        None also where the runtime is no package.

    Raises:
        EnvironmentNotFound: As ``find_environment`` does; or the package's manifest is wrong, or the declaration says
            what only goes with an entry point.
    """
    runtime = declared.frameworks.openenv
    if runtime is None or runtime.package is None:
        return None
    _check_openenv(declared.id, runtime.min_version)
    installed = _distribution(Requirement(runtime.package))
    if any(point.group == GROUP for point in installed.entry_points):
        return None
    app = find_app(installed, runtime.manifest)
    given = [name for name in ("environment", "arguments") if getattr(runtime, name)]
    if app is not None and given:
        raise EnvironmentNotFound(
            f"package {installed.name!r} brings a server, which makes its environment itself: "
            f"environment {declared.id!r} has no use for {' and '.join(given)} under frameworks.openenv"
        )
    return app


def _check_openenv(environment_id: str, wanted: str | None) -> None:
    versions = SpecifierSet(wanted or "")
    try:
        found, how = Version(version("openenv")), "is installed"
    except PackageNotFoundError:
        found, how = OPENENV_VERSION, "is what this library speaks"
    if not versions.contains(found, prereleases=True):
        raise EnvironmentNotFound(
            f"environment {environment_id!r} needs OpenEnv {wanted}, and {found} {how}: pip install 'openenv{wanted}'"
        )


def _entry_point(runtime: OpenEnvRuntime, package: str) -> EntryPoint:
    installed = _distribution(Requirement(package))
    offered = {point.name: point for point in installed.entry_points if point.group == GROUP}
    if not offered and find_app(installed, runtime.manifest) is not None:
        raise EnvironmentNotFound(
            f"package {installed.name!r} offers no environment class (entry point group {GROUP!r}), but brings a "
            "server, which runs beside this process: 'tasksets serve' and 'tasksets run' start it"
        )
    if not offered:
        elsewhere = sorted({point.name for point in entry_points(group=GROUP)})
        raise EnvironmentNotFound(
            f"package {installed.name!r} offers no environment (entry point group {GROUP!r}), nor has it a server's "
            f"manifest ({runtime.manifest} with an 'app'). "
            f"{listing(elsewhere)} in other packages"
        )
    name = runtime.environment
    if name is None and len(offered) == 1:
        return next(iter(offered.values()))
    if name is None:
        raise EnvironmentNotFound(
            f"package {installed.name!r} offers several environments; name one with 'environment:'. "
            f"{listing(sorted(offered))}"
        )
    if name not in offered:
        raise EnvironmentNotFound(f"package {installed.name!r} has no environment {name!r}{nearest(name, offered)}")
    return offered[name]


def _distribution(requirement: Requirement) -> Distribution:
    command = f"pip install '{requirement}'"
    try:
        installed = distribution(requirement.name)
    except PackageNotFoundError:
        raise EnvironmentNotFound(f"package {requirement.name!r} is not installed: {command}") from None
    if not requirement.specifier.contains(installed.version, prereleases=True):
        raise EnvironmentNotFound(
            f"package {requirement.name!r} is installed as {installed.version}, "
            f"but the taskset needs {requirement.specifier}: {command}"
        )
    return installed
