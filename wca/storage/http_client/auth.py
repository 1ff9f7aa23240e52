"""Who the agent says it is to a web service."""

import base64
import os
from typing import Annotated, TypedDict

from wca.config.types import Path, Secret
from wca.errors import ValidationError
from wca.security.token_file import check_token, read_token
from wca.storage.delivery.parcel import Unavailable

__all__ = ["Credentials", "HttpAuth"]


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
            check_token(auth["token"], "auth: the token")
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
        try:
            return f"Bearer {read_token(self._auth['token_file'], 'token_file')}"
        except ValidationError as error:
            raise Unavailable(str(error)) from None

    @property
    def hidden(self) -> set[str]:
        """What is in no message; what a file holds is in ``header``."""
        return {self._auth[key] for key in ("password", "token") if key in self._auth}

    def __repr__(self) -> str:
        return f"Credentials({', '.join(self._auth)})"
