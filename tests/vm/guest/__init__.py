"""Programs that run inside the guest; the tests read them as text."""

import os

__all__ = ["guest_script"]


def guest_script(name: str) -> str:
    """The source of one of these programs."""
    path = os.path.join(os.path.dirname(__file__), name)
    with open(path, encoding="utf-8") as given:
        return given.read()
