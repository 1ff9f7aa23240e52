"""What our monitoring groups are called."""

import string

__all__ = ["PREFIX", "group_name", "is_ours"]

#: What the names of our groups begin with, and those of nobody else.
PREFIX = "wca-"

# Programs expect names of folders of at most 255 bytes. A shorter one is easier to read in a list.
_MAX_LENGTH = 120
_DIGEST = 32
_PLAIN = frozenset((string.ascii_letters + string.digits + "._-").encode())


def group_name(task_id: str) -> str:
    """The name of a task's monitoring group; two tasks never have the same.

    Letters, digits, ``.``, ``_`` and ``-`` are kept and every other byte is written as ``%2F``. A
    name that gets too long is cut, and ends with a digest of the whole id behind a ``=``.
    """
    data = task_id.encode("utf-8", "surrogatepass")
    name = PREFIX + "".join(chr(byte) if byte in _PLAIN else f"%{byte:02X}" for byte in data)
    if len(name) <= _MAX_LENGTH:
        return name
    from hashlib import sha256  # with OpenSSL, which hardly anyone needs

    return f"{name[: _MAX_LENGTH - _DIGEST - 1]}={sha256(data).hexdigest()[:_DIGEST]}"


def is_ours(name: str) -> bool:
    """Whether a monitoring group of this name was made by a WCA agent."""
    return name.startswith(PREFIX)
