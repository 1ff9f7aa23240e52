"""Every write to the kernel that is not a measurement: one gate, a journal, a way back."""
