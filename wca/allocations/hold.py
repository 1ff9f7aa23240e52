"""The hold file: while it is there, nothing is written and everything is given back."""

import contextlib
import os
import stat

from wca.errors import WcaError

__all__ = ["DEFAULT_HOLD", "Hold"]

DEFAULT_HOLD = "/run/wca/hold"
#: Bytes of the file that are shown.
_MOST = 500


class Hold:
    """Whether somebody wants the agent to keep its hands off.

    A file of any kind and owner holds, empty or not: ``touch`` is enough, and in doubt nothing is
    written. Where there is no such folder, nobody can have made the file: that is not held. Where
    the folder cannot be looked at, that is held: a hold that cannot be seen must not be overrun.

    Args:
        path: of the file.
    """

    def __init__(self, path: str = DEFAULT_HOLD) -> None:
        self.path = os.path.abspath(path)

    def reason(self) -> str | None:
        """Why nothing may be written, in a few words; None: it may."""
        try:
            status = os.lstat(self.path)
        except FileNotFoundError:
            return None
        except OSError as error:
            return f"held, as {self.path} cannot be looked at: {error.strerror}"
        text = self._text() if stat.S_ISREG(status.st_mode) else ""
        return f"held by {self.path}{text and f': {text}'}"

    def put(self, reason: str = "") -> bool:
        """Hold; the folder is made where there is none.

        Args:
            reason: for who finds the file.

        Returns:
            Whether it was not held before; the reason of the first stays.

        Raises:
            WcaError: the file cannot be made.
        """
        text = " ".join(reason.split())
        try:
            os.makedirs(os.path.dirname(self.path), mode=0o755, exist_ok=True)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            descriptor = os.open(self.path, flags, 0o644)
        except FileExistsError:
            if not os.path.lexists(self.path):
                raise WcaError(f"{self.path}: its folder is a file") from None
            return False
        except OSError as error:
            raise WcaError(f"{self.path}: cannot be made: {error.strerror}") from None
        with contextlib.suppress(OSError), open(descriptor, "w", encoding="utf-8") as file:
            file.write(text and text + "\n")  # it holds without a reason, too
        return True

    def remove(self) -> bool:
        """Release.

        Returns:
            Whether it was held.

        Raises:
            WcaError: the file cannot be removed.
        """
        try:
            os.unlink(self.path)
        except FileNotFoundError:
            return False
        except OSError as error:
            raise WcaError(f"{self.path}: cannot be removed: {error.strerror}") from None
        return True

    def problems(self) -> list[str]:
        """Who else can release what is held, in sentences; changes nothing."""
        folder = os.path.dirname(self.path)
        try:
            mode = os.stat(folder).st_mode
        except OSError:
            return []
        if mode & (stat.S_IWGRP | stat.S_IWOTH) and not mode & stat.S_ISVTX:
            return [f"{self.path}: others can remove it, run chmod go-w {folder}"]
        return []

    def _text(self) -> str:
        try:
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            descriptor = os.open(self.path, flags)
            try:
                data = os.read(descriptor, _MOST)
            finally:
                os.close(descriptor)
        except OSError:
            return ""
        text = " ".join(data.decode("utf-8", "replace").split())
        return "".join(letter if letter.isprintable() else "?" for letter in text)
