"""Texts in a value."""

from openenv_tasksets.audit.texts import texts_in


def test_every_text_is_found_in_its_order_and_keys_are_none():
    value = {"key": ["a", 1, None, {"deep": ("b", True)}], "other": "c", "none": 0.5}
    assert list(texts_in(value)) == ["a", "b", "c"]
    assert list(texts_in("alone")) == ["alone"]
    assert list(texts_in(7)) == []
