"""What this machine offers, what a configuration needs of it, and what closes a gap."""

from wca.doctor.configuration import collector_findings, configuration_findings
from wca.doctor.findings import Finding
from wca.doctor.machine import machine_findings
from wca.doctor.rights import rights_findings

__all__ = [
    "Finding",
    "collector_findings",
    "configuration_findings",
    "machine_findings",
    "rights_findings",
]
