"""perf_event_open: processors, PMUs, names of events, groups of counters."""
