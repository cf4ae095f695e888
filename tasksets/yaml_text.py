"""Values to YAML text that reads back as the same values, here and in tools that know only YAML 1.1."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

_WORDS = re.compile(r"[A-Za-z_][A-Za-z0-9_./+-]*(?: [A-Za-z0-9_./+-]+)*")
_NOT_TEXT = frozenset(("true", "false", "null", "yes", "no", "on", "off", "y", "n"))
_ESCAPED = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
_INDENT = 2


def scalar_text(value: object) -> str:
    """A leaf: text in quotes unless it is words that no YAML reads as anything else."""
    if isinstance(value, str):
        if _WORDS.fullmatch(value) and value.lower() not in _NOT_TEXT:
            return value
        quoted = json.dumps(value, ensure_ascii=False)
        return _ESCAPED.sub(lambda found: f"\\u{ord(found[0]):04X}", quoted)
    if isinstance(value, float):
        # YAML 1.1 wants a dot in a number with an exponent.
        mantissa, exponent, power = repr(value).partition("e")
        return f"{mantissa}{'' if '.' in mantissa or not exponent else '.0'}{exponent}{power}"
    return json.dumps(value)


def flow_text(value: Any) -> str:
    """A value on one line, in brackets and braces, safe wherever a value may stand."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{scalar_text(key)}: {flow_text(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(flow_text, value)) + "]"
    return scalar_text(value)


def entry_text(key: str, value: Any, indent: int) -> str:
    """A mapping's entry as lines indented by ``indent`` spaces, the last one without its line break."""
    head = f"{' ' * indent}{scalar_text(key)}:"
    if isinstance(value, Mapping) and value:
        inner = [entry_text(each, member, indent + _INDENT) for each, member in value.items()]
        return "\n".join([head, *inner])
    if _is_long(value):
        return "\n".join([head, *(item_text(each, indent + _INDENT) for each in value)])
    return f"{head} {flow_text(value)}"


def item_text(value: Any, indent: int) -> str:
    """A list's item as lines whose dash is indented by ``indent`` spaces."""
    dash = f"{' ' * indent}- "
    if isinstance(value, Mapping) and value:
        entries = [entry_text(key, member, indent + _INDENT) for key, member in value.items()]
        return dash + "\n".join(entries)[len(dash) :]
    return dash + flow_text(value)


def document_text(values: Mapping[str, Any]) -> str:
    """A whole document; top-level keys are set apart by empty lines."""
    return "\n\n".join(entry_text(key, value, 0) for key, value in values.items()) + "\n"


def _is_long(value: Any) -> bool:
    """Whether a list has items that deserve lines of their own."""
    return isinstance(value, Sequence) and any(isinstance(each, Mapping) and each for each in value)
