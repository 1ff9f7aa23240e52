"""Worker monitoring: a fleet of EC2 instances polled, judged, alerted on and healed.

Names are imported when they are used, so that none of them brings in a library that is not needed.
"""

from wca.lazy import lazy_names

__all__: list[str] = []

#: Public name to the module that has it.
_PLACES: dict[str, str] = {
    "AlertmanagerNotifier": "wca.workers.notifiers.alertmanager",
    "AutoRemediation": "wca.workers.remediation",
    "LogNotifier": "wca.workers.notifiers.log",
    "NoDataRule": "wca.workers.rules.no_data",
    "OpsgenieNotifier": "wca.workers.notifiers.opsgenie",
    "PagerDutyNotifier": "wca.workers.notifiers.pagerduty",
    "Remediation": "wca.workers.remediation",
    "ScheduledEventRule": "wca.workers.rules.scheduled_event",
    "SlackNotifier": "wca.workers.notifiers.slack",
    "StateChangeRule": "wca.workers.rules.state_change",
    "StatusCheckRule": "wca.workers.rules.status_check",
    "ThresholdRule": "wca.workers.rules.threshold",
    "WebhookNotifier": "wca.workers.notifiers.webhook",
}

__getattr__ = lazy_names(__name__, _PLACES)
