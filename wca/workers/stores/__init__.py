"""Where states of workers, alerts and actions survive a restart."""
