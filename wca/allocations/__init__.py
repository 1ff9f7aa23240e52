"""Every write that changes something: one gate, a journal before it, and a way back."""
