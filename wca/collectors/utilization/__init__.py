"""How much is used of what may be used."""
