"""``wca top``: a live view of tasks in a terminal, of this machine or of a running agent."""
