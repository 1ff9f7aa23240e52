"""What this machine offers, what a configuration needs of it, and what closes a gap."""

from wca.doctor.configuration import configuration_findings
from wca.doctor.findings import Finding
from wca.doctor.machine import machine_findings

__all__ = ["Finding", "configuration_findings", "machine_findings"]
