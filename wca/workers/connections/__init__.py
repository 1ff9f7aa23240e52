"""How what is kept is reached: SQL databases, Redis, MongoDB."""
