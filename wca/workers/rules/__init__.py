"""Rules: what of a worker is worth an alert. Pure; what lasts is in ``wca.workers.alerting``."""
