"""A small Hugging Face Hub on loopback: the real clients round-trip through it, and it fails where it is told to."""

from loopback_hub.errors import HubError
from loopback_hub.faults import FAULT_KINDS, FaultKind
from loopback_hub.hub import LoopbackHub
from loopback_hub.request_log import RequestRecord

__all__ = ["FAULT_KINDS", "FaultKind", "HubError", "LoopbackHub", "RequestRecord"]
