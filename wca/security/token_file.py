"""A bearer token in a file, which others write anew when the old one is about to expire."""

import os
import stat

from wca.errors import ValidationError

__all__ = ["check_token", "read_token"]

_MOST_BYTES = 64 * 1024


def check_token(token: str, what: str) -> None:
    """Refuse what no header can carry.

    Args:
        token: the token.
        what: begins the sentence.

    Raises:
        ValidationError: it is no token.
    """
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise ValidationError(f"{what} is no token: it must be printable ASCII without spaces")


def read_token(path: str, field: str) -> str:
    """The content of a file, without spaces around it.

    Args:
        path: of the file.
        field: of the configuration; begins every sentence.

    Raises:
        ValidationError: it cannot be read, anybody can write it, or it holds no token.
    """
    try:
        # O_NONBLOCK: opening a named pipe must not wait for a writer.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise ValidationError(f"{field}: {path} is not a regular file")
            if status.st_mode & stat.S_IWOTH:
                raise ValidationError(f"{field}: anybody can write {path}: run chmod o-w {path}")
            token = os.read(descriptor, _MOST_BYTES).decode("ascii", "replace").strip()
        finally:
            os.close(descriptor)
    except OSError as error:
        raise ValidationError(f"{field}: {path} cannot be read: {error.strerror}") from None
    check_token(token, f"{field}: the content of {path}")
    return token
