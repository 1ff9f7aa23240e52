"""Who the agent says it is to a web service."""

import base64
import os
import stat
from typing import Annotated, TypedDict

from wca.config.types import Path, Secret
from wca.errors import ValidationError
from wca.storage.delivery.parcel import Unavailable

__all__ = ["Credentials", "HttpAuth"]

_MOST_BYTES = 64 * 1024


class HttpAuth(TypedDict, total=False):
    """One of: user name and password; a token; a file with a token, read anew for each request."""

    username: str
    password: Annotated[str, Secret()]
    token: Annotated[str, Secret()]
    token_file: Annotated[str, Path(absolute=True, mode=os.R_OK)]


class Credentials:
    """Makes the header ``Authorization``: ``Basic`` of RFC 7617 or ``Bearer`` of RFC 6750.

    Args:
        auth: what the configuration says.

    Raises:
        ValidationError: it says nothing, or two things.
    """

    def __init__(self, auth: HttpAuth) -> None:
        given = set(auth)
        if given == {"username", "password"}:
            if ":" in auth["username"]:
                raise ValidationError("auth: a username with a ':' in it cannot be sent")
            pair = f"{auth['username']}:{auth['password']}".encode()
            self._basic = base64.b64encode(pair).decode()
        elif given not in ({"token"}, {"token_file"}):
            raise ValidationError("auth: write username and password, or token, or token_file")
        elif "token" in given:
            _check_token(auth["token"], "auth: the token")
        self._auth = auth

    def header(self) -> str:
        """The value of the header.

        Raises:
            Unavailable: the file of the token cannot be read, or holds none.
        """
        if "username" in self._auth:
            return f"Basic {self._basic}"
        if "token" in self._auth:
            return f"Bearer {self._auth['token']}"
        return f"Bearer {_read_token(self._auth['token_file'])}"

    @property
    def hidden(self) -> set[str]:
        """What is in no message; what a file holds is in ``header``."""
        return {self._auth[key] for key in ("password", "token") if key in self._auth}

    def __repr__(self) -> str:
        return f"Credentials({', '.join(self._auth)})"


def _check_token(token: str, what: str) -> None:
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise ValidationError(f"{what} is no token: it must be printable ASCII without spaces")


def _read_token(path: str) -> str:
    """The content of a file, without spaces around it."""
    try:
        # O_NONBLOCK: opening a named pipe must not wait for a writer.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise Unavailable(f"token_file: {path} is not a regular file")
            if status.st_mode & stat.S_IWOTH:
                raise Unavailable(f"token_file: anybody can write {path}: run chmod o-w {path}")
            token = os.read(descriptor, _MOST_BYTES).decode("ascii", "replace").strip()
        finally:
            os.close(descriptor)
    except OSError as error:
        raise Unavailable(f"token_file: {path} cannot be read: {error.strerror}") from None
    try:
        _check_token(token, f"token_file: the content of {path}")
    except ValidationError as error:
        raise Unavailable(str(error)) from None
    return token
