"""A real terminal, in which a program runs and whose screen can be read."""

import contextlib
import fcntl
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import time

import pyte

from tests.main.agent import environment

WCA = [sys.executable, "-m", "wca", "top"]


class Terminal:
    """Runs a command as a session of its own in a pseudo-terminal.

    Args:
        command: with its arguments.
        lines: of the terminal.
        columns: of the terminal.
        term: what kind of terminal it is told to be.
        variables: further ones of the environment.
    """

    def __init__(self, command, lines=24, columns=80, term="xterm-256color", **variables):
        self.screen = pyte.Screen(columns, lines)
        self._stream = pyte.ByteStream(self.screen)
        self.master, self.slave = pty.openpty()
        self._size(lines, columns)
        self.before = termios.tcgetattr(self.slave)
        #: Everything that was written to it.
        self.written = b""
        self.process = subprocess.Popen(
            [str(part) for part in command],
            stdin=self.slave,
            stdout=self.slave,
            stderr=self.slave,
            env={**environment(), "TERM": term, "LC_ALL": "C.UTF-8", **variables},
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for descriptor in (self.master, self.slave):
            with contextlib.suppress(OSError):
                os.close(descriptor)

    @property
    def text(self):
        """The screen as it is now."""
        return "\n".join(line.rstrip() for line in self.screen.display)

    @property
    def lines(self):
        """Those of the screen."""
        return self.text.split("\n")

    def press(self, keys):
        """Press keys, given as what they send."""
        os.write(self.master, keys.encode())

    def resize(self, lines, columns):
        """Give the terminal another size, as a window does."""
        self.screen.resize(lines, columns)
        self._size(lines, columns)

    def wait(self, condition, what, seconds=15):
        """Wait until the screen shows something; its text."""
        end = time.monotonic() + seconds
        while not condition(self.text):
            left = end - time.monotonic()
            assert left > 0, f"no {what} within {seconds} s:\n{self.text}"
            self._read(min(left, 0.2))
        return self.text

    def wait_for(self, words, seconds=15):
        """Wait until these words are on the screen; its text."""
        return self.wait(lambda text: words in text, repr(words), seconds)

    def ended(self, seconds=15):
        """Wait for the end of the program; its exit code."""
        end = time.monotonic() + seconds
        while self.process.poll() is None:
            assert time.monotonic() < end, f"it did not end within {seconds} s:\n{self.text}"
            self._read(0.05)
        while self._read(0.05):
            pass
        return self.process.returncode

    @property
    def as_before(self):
        """Whether the modes of the terminal are those from before, and its screen is left."""
        left = self.written.rfind(b"\x1b[?1049l") > self.written.rfind(b"\x1b[?1049h")
        return termios.tcgetattr(self.slave) == self.before and left

    def _size(self, lines, columns):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def _read(self, seconds):
        if not select.select([self.master], [], [], seconds)[0]:
            return False
        data = os.read(self.master, 65536)
        self.written += data
        self._stream.feed(data)
        return True
