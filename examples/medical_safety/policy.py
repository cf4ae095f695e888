"""A scripted policy: quotes the first sentence as its proof and as its answer, or abstains where it is told little.

tasksets run examples/medical_safety --policy tasksets_examples.medical_safety.policy:reply
"""

import json
from typing import Any


def reply(observation: dict[str, Any]) -> str:
    """The reply to what ``MedicalSafety`` shows, in JSON."""
    first, *others = observation["context"].split(". ")
    final = first if others else "The context does not contain this information."
    return json.dumps({"analysis": "The first sentence says it.", "proof": first, "final": final})
