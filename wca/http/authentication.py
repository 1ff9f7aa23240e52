"""Who may see the agent's pages: names with passwords, and a token."""

import binascii
import logging
import re
import threading
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass

from wca.errors import StartError, ValidationError

__all__ = ["Authenticator", "PasswordHash"]

log = logging.getLogger(__name__)

_HASH = re.compile(r"scrypt\$([0-9]{1,7})\$([0-9]{1,2})\$([0-9]{1,2})\$([^$]+)\$([^$]+)", re.ASCII)
#: Bytes that one check may take; scrypt takes 128 * n * r.
_MOST_MEMORY = 64 * 2**20
_MOST_THREADS = 4
_LEAST_BYTES = 16


@dataclass(frozen=True, slots=True)
class PasswordHash:
    """A password that cannot be read back: ``scrypt$n$r$p$salt$hash``, the last two in base64.

    docs/prometheus.md has the command that makes one. Source: RFC 7914.

    Args:
        n: cost, a power of two.
        r: size of a block.
        p: number of passes.
        salt: random, for this password alone.
        hash: what has to come out.
    """

    n: int
    r: int
    p: int
    salt: bytes
    hash: bytes

    @classmethod
    def read(cls, user: str, text: str) -> "PasswordHash":
        """Read one from a configuration.

        Raises:
            ValidationError: it is not written so, or checking it would take too much memory; the
                sentence has the user's name and not the hash.
        """
        match = _HASH.fullmatch(text) if isinstance(text, str) else None
        if match is None:
            raise ValidationError(
                f"the password hash of user {user!r} is not scrypt$n$r$p$salt$hash; "
                "docs/prometheus.md has the command that makes one"
            )
        n, r, p = (int(number) for number in match.groups()[:3])
        try:
            salt, wanted = (b64decode(part, validate=True) for part in match.groups()[3:])
        except (binascii.Error, ValueError):
            raise ValidationError(
                f"salt and hash of user {user!r} are not base64; make the hash anew"
            ) from None
        fits = n > 1 and n & (n - 1) == 0 and r and 1 <= p <= _MOST_THREADS
        if not fits or 128 * n * r > _MOST_MEMORY or min(len(salt), len(wanted)) < _LEAST_BYTES:
            raise ValidationError(
                f"the password hash of user {user!r} is out of bounds: n is a power of two, "
                "128 * n * r at most 64 MiB, p from 1 to 4, salt and hash of 16 bytes or more"
            )
        return cls(n, r, p, salt, wanted)

    def matches(self, password: bytes) -> bool:
        """Whether this is the password; takes some ten milliseconds and megabytes, on purpose."""
        import hashlib
        import hmac

        found = hashlib.scrypt(
            password,
            salt=self.salt,
            n=self.n,
            r=self.r,
            p=self.p,
            maxmem=2 * _MOST_MEMORY,
            dklen=len(self.hash),
        )
        return hmac.compare_digest(found, self.hash)


class Authenticator:
    """Decides by the header ``Authorization``.

    A password that was right is remembered for as long as the process runs, as a keyed digest of
    the header, so that a scrape every second costs nothing; wrong ones are checked one at a time.

    Args:
        users: names to password hashes.
        token_file: path of a file with a token, read again when it is replaced; None: no token.

    Raises:
        StartError: the token cannot be read, or is no token.
    """

    def __init__(self, users: Mapping[str, PasswordHash], token_file: str | None) -> None:
        import os

        self._users = users
        self._token_file = token_file
        self._key = os.urandom(32)
        self._known: set[bytes] = set()
        self._token_lost = False
        self._lock = threading.Lock()
        if token_file is not None:
            _read_token(token_file)

    @property
    def challenge(self) -> str:
        """What to say to a client that is not let in, as the header ``WWW-Authenticate``."""
        schemes = ['Basic realm="wca", charset="UTF-8"'] if self._users else []
        if self._token_file is not None:
            schemes.append('Bearer realm="wca"')
        return ", ".join(schemes)

    def allows(self, authorization: str) -> bool:
        """Whether a client with this header is let in."""
        scheme, _, credentials = authorization.partition(" ")
        if scheme.lower() == "bearer" and self._token_file is not None:
            return self._token_is(credentials.strip(), self._token_file)
        if scheme.lower() == "basic" and self._users:
            return self._password_is(credentials.strip())
        return False

    def _token_is(self, given: str, path: str) -> bool:
        import hmac

        try:
            token = _read_token(path)
        except StartError as error:
            if not self._token_lost:  # said when it begins, not for each request
                log.warning("%s; until then, nobody is let in by a token", error)
            self._token_lost = True
            return False
        self._token_lost = False
        return hmac.compare_digest(given.encode(), token.encode())

    def _password_is(self, credentials: str) -> bool:
        import hashlib

        digest = hashlib.blake2b(credentials.encode(), key=self._key).digest()
        if digest in self._known:
            return True
        with self._lock:
            right = self._check(credentials)
        if right:
            self._known.add(digest)
        return right

    def _check(self, credentials: str) -> bool:
        try:
            user, _, password = b64decode(credentials, validate=True).partition(b":")
            name = user.decode()
        except (binascii.Error, ValueError):
            return False
        known = self._users.get(name)
        if known is None:
            # As long as for a name that there is: the time must not tell which ones there are.
            next(iter(self._users.values())).matches(password)
            return False
        return known.matches(password)


def _read_token(path: str) -> str:
    try:
        with open(path, encoding="ascii") as file:
            token = file.read(4096).strip()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not ASCII text"
        raise StartError(f"HttpServer: token_file {path} cannot be read: {reason}") from error
    if len(token) < _LEAST_BYTES or any(character.isspace() for character in token):
        raise StartError(
            f"HttpServer: token_file {path} must hold one token of {_LEAST_BYTES} characters or "
            "more and nothing else"
        )
    return token
