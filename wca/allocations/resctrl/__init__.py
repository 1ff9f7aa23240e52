"""Cache and memory bandwidth, through control groups of resctrl."""
