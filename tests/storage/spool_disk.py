"""What a disk may hold after a power cut, from a record of what a process has asked of it.

What was written since the last sync of a file may be there or not, each write by itself, in parts
of 512 bytes; so may each entry of the folder that came or went since the last sync of the folder.
"""

import os
import re
import subprocess
import sys

from tests.services import program

SECTOR = 512
_CALLS = "openat,pwrite64,ftruncate,fsync,fdatasync,unlink,rename"
_LINE = re.compile(r"^\d+ +(\w+)\((.*)\) += (\d+|-1 ENOENT)")
_TEXT = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')
_OPEN = re.compile(r"^\d+<([^>]*)>")


def record(folder, arguments, strace_output):
    """Run a Python module under strace; what it does in the folder, one tuple for each call.

    ``("create", name)``, ``("write", name, offset, data)``, ``("truncate", name, size)``,
    ``("sync", name)``, ``("sync", "")`` of the folder, ``("unlink", name)``,
    ``("rename", old, new)``; and ``("mark", name)`` for the removal of what is not there.
    """
    subprocess.run(
        [
            *(program("strace", package="strace"), "-f", "-qq", "-y", "-xx", "-s", "1000000"),
            *("-e", f"trace={_CALLS}", "-o", strace_output, sys.executable, "-m", *arguments),
        ],
        check=True,
        capture_output=True,
    )
    with open(strace_output) as file:
        calls = [event for line in file for event in _parse(line, folder)]
    os.unlink(strace_output)
    return calls


def _parse(line, folder):
    """What a line of strace says about the folder, as calls of a disk; mostly one or none."""
    matched = _LINE.match(line)
    if matched is None:
        return []
    call, arguments, result = matched.groups()
    texts = [_decoded(text) for text in _TEXT.findall(arguments)]
    opened = _OPEN.match(arguments)
    path = os.fsdecode(_decoded(opened[1]) if opened else texts[0])
    if path != folder and os.path.dirname(path) != folder:
        return []
    name = "" if path == folder else os.path.basename(path)
    if result == "-1 ENOENT":
        return [("mark", name)] if call == "unlink" else []
    number = int((re.findall(r", (\d+)(?=,|$)", arguments) or ["0"])[-1])
    return {
        "openat": lambda: [("create", name)] if "O_CREAT" in arguments else [],
        "pwrite64": lambda: [("write", name, number, texts[0])],
        "ftruncate": lambda: [("truncate", name, number)],
        "unlink": lambda: [("unlink", name)],
        "rename": lambda: [("rename", name, os.path.basename(os.fsdecode(texts[1])))],
        "fsync": lambda: [("sync", name)],
        "fdatasync": lambda: [("sync", name)],
    }[call]()


def _decoded(text):
    return bytes.fromhex(text.replace("\\x", "")) if text.startswith("\\x") else os.fsencode(text)


class _File:
    def __init__(self):
        self.kept = b""
        self.pending = []  # ("write", offset, data), ("truncate", size)

    def sync(self):
        self.kept, self.pending = _applied(self.kept, self.pending), []


class Disk:
    """Takes calls one after the other, and may lose its power after any of them."""

    def __init__(self):
        self.files = {}  # what a process sees: name -> file
        self.kept = {}  # what a power cut leaves of the folder at least
        self.pending = []  # of the folder: ("add", name, file), ("remove", name)

    def apply(self, event):
        kind, name, *rest = event
        if kind == "create":
            if name not in self.files:
                self._add(name, _File())
        elif kind == "unlink":
            self._remove(name)
        elif kind == "rename":
            self._add(rest[0], self._remove(name))
        elif kind == "sync" and not name:
            self.kept, self.pending = _entries(self.kept, self.pending), []
        elif kind == "sync":
            self.files[name].sync()
        elif kind in ("write", "truncate"):
            self.files[name].pending.append((kind, *rest))

    def _add(self, name, file):
        self.files[name] = file
        self.pending.append(("add", name, file))

    def _remove(self, name):
        self.pending.append(("remove", name))
        return self.files.pop(name)

    def after_power_cut(self, chance, share):
        """What may be there: contents by name.

        Args:
            chance: source of random numbers.
            share: how likely it is that something that was not synced is there.
        """
        entries = [entry for entry in self.pending if chance.random() < share]
        files = _entries(self.kept, entries)
        return {name: _survivors(file, chance, share) for name, file in files.items()}


def _entries(kept, pending):
    found = dict(kept)
    for kind, name, *file in pending:
        if kind == "add":
            found[name] = file[0]
        else:
            found.pop(name, None)
    return found


def _survivors(file, chance, share):
    pending = []
    for operation in file.pending:
        kind, *rest = operation
        if kind == "truncate" or chance.random() < 0.5:  # as a whole, or not at all
            if chance.random() < share:
                pending.append(operation)
            continue
        offset, data = rest
        start = 0
        while start < len(data):
            end = min(len(data), start + SECTOR - (offset + start) % SECTOR)
            if chance.random() < share:
                pending.append(("write", offset + start, data[start:end]))
            start = end
    return _applied(file.kept, pending)


def _applied(content, operations):
    content = bytearray(content)
    for kind, *rest in operations:
        size = rest[0] if kind == "truncate" else rest[0] + len(rest[1])
        if len(content) < size:
            content.extend(bytes(size - len(content)))
        if kind == "truncate":
            del content[size:]
        else:
            content[rest[0] : size] = rest[1]
    return bytes(content)
