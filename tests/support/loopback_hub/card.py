"""The metadata at the top of a README.md, checked as the Hub checks it."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import yaml

_FRONT_MATTER = re.compile(r"\A\s*---[\r\n]+(.*?)[\r\n]+---(?:[\r\n]|\Z)", re.DOTALL)

_LICENSE_NAMES = """
    afl-3.0 agpl-3.0 apache-2.0 apple-amlr apple-ascl artistic-2.0 bigcode-openrail-m bigscience-bloom-rail-1.0
    bigscience-openrail-m bsd bsd-2-clause bsd-3-clause bsd-3-clause-clear bsl-1.0 c-uda cc cc-by-2.0 cc-by-2.5
    cc-by-3.0 cc-by-4.0 cc-by-nc-2.0 cc-by-nc-3.0 cc-by-nc-4.0 cc-by-nc-nd-3.0 cc-by-nc-nd-4.0 cc-by-nc-sa-2.0
    cc-by-nc-sa-3.0 cc-by-nc-sa-4.0 cc-by-nd-4.0 cc-by-sa-3.0 cc-by-sa-4.0 cc0-1.0 cdla-permissive-1.0
    cdla-permissive-2.0 cdla-sharing-1.0 creativeml-openrail-m deepfloyd-if-license ecl-2.0 epl-1.0 epl-2.0
    etalab-2.0 eupl-1.1 eupl-1.2 fair-noncommercial-research-license gemma gfdl gpl gpl-2.0 gpl-3.0 h-research
    intel-research isc lgpl lgpl-2.1 lgpl-3.0 lgpl-lr llama2 llama3 llama3.1 llama3.2 llama3.3 llama4 lppl-1.3c mit
    mpl-2.0 ms-pl ncsa odbl odc-by ofl-1.1 openmdw-1.0 openrail openrail++ osl-3.0 other pddl postgresql unknown
    unlicense wtfpl zlib
"""
_LICENSES = frozenset(_LICENSE_NAMES.split())


def metadata(readme: bytes) -> dict[str, Any]:
    """The metadata of a valid card; empty where there is none."""
    block = _FRONT_MATTER.search(readme.decode("utf-8", "replace"))
    loaded = yaml.safe_load(block[1]) if block else None
    return loaded if isinstance(loaded, dict) else {}


def warnings(text: str) -> list[str]:
    """What the Hub only remarks on."""
    block = _FRONT_MATTER.search(text)
    return [] if block and yaml.safe_load(block[1]) else ["empty or missing yaml metadata in repo card"]


def mistakes(text: str) -> list[str]:
    """Why the Hub refuses the card; empty for one that it takes."""
    block = _FRONT_MATTER.search(text)
    if block is None:
        return []
    try:
        loaded = yaml.safe_load(block[1])
    except yaml.YAMLError as exc:
        return [f"Invalid YAML: {exc}"]
    if loaded is None:
        return []
    if not isinstance(loaded, dict):
        return ["YAML metadata must be a mapping"]
    return [f'"{key}" {fault}' for key, check in _CHECKS.items() if key in loaded for fault in check(loaded[key])]


def tags(card: Mapping[str, Any]) -> list[str]:
    """The tags by which the Hub's search finds the repository."""
    found = [str(tag) for tag in _listed(card.get("tags"))]
    for key in ("task_categories", "language", "size_categories", "license"):
        found += [f"{key}:{value}" for value in _listed(card.get(key))]
    return found


def _listed(value: object) -> Sequence[Any]:
    if value is None:
        return ()
    return value if isinstance(value, list) else (value,)


def _strings(value: object) -> Iterator[str]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        yield "must be an array of strings"


def _string_or_strings(value: object) -> Iterator[str]:
    if not isinstance(value, str):
        for _ in _strings(value):
            yield "must be a string or an array of strings"


def _license(value: object) -> Iterator[str]:
    if any(name not in _LICENSES for name in _listed(value)):
        yield f"must be one of {sorted(_LICENSES)}"


def _string(value: object) -> Iterator[str]:
    if not isinstance(value, str):
        yield "must be a string"


def _configs(value: object) -> Iterator[str]:
    if not isinstance(value, list):
        yield "must be an array"
        return
    for index, config in enumerate(value):
        if not isinstance(config, dict) or not isinstance(config.get("config_name"), str):
            yield f'[{index}] needs a "config_name" that is a string'
            continue
        if not isinstance(config.get("data_files", []), str | list):
            yield f"[{index}].data_files must be a string or an array"
        if not isinstance(config.get("default", False), bool):
            yield f"[{index}].default must be a boolean"


def _objects(value: object) -> Iterator[str]:
    if not all(isinstance(item, dict) for item in _listed(value)):
        yield "must be an object or an array of objects"


_CHECKS: Mapping[str, Callable[[object], Iterator[str]]] = {
    "license": _license,
    "tags": _strings,
    "language": _string_or_strings,
    "pretty_name": _string,
    "task_categories": _strings,
    "size_categories": _string_or_strings,
    "configs": _configs,
    "dataset_info": _objects,
}
