"""Files to marked nodes: aliases, merges and ``!File`` resolved, problems collected."""

import os
from collections.abc import Callable
from typing import Any

from ruamel.yaml.nodes import MappingNode, ScalarNode, SequenceNode

from wca.config.nodes import (
    Broken,
    Entry,
    Key,
    Mapping,
    Mark,
    Node,
    Path,
    Scalar,
    Sequence,
    children,
)
from wca.config.problems import Problems
from wca.config.yaml_text import MAX_DEPTH, YamlProblem, compose, scalar_value
from wca.errors import ConfigLoadError

__all__ = ["Reader"]

_MAX_INCLUDE_DEPTH = 8
_MAX_FILES = 100
_CORE = "tag:yaml.org,2002:"
_MERGE = _CORE + "merge"
_PLAIN_TAGS = {"scalar": (), "sequence": (_CORE + "seq",), "mapping": (_CORE + "map",)}


class Reader:
    """Reads one document and the files that it includes.

    Args:
        read: the content of a file, by path; raises ConfigLoadError with a sentence.
        problems: where problems go.
    """

    def __init__(self, read: Callable[[str], bytes], problems: Problems) -> None:
        self.warnings: list[str] = []
        self.not_checked: list[str] = []
        self._read = read
        self._problems = problems
        self._open_files: list[str] = []
        self._files = 0

    def file(self, path: str) -> Node | None:
        """The root node of a file; None when it is empty.

        Raises:
            ConfigLoadError: the file cannot be read at all.
        """
        return self.text(self._read(path), path)

    def text(self, data: bytes, name: str, path: Path = ()) -> Node | None:
        """The root node of a document given as bytes; None when it is empty.

        Args:
            data: UTF-8 text.
            name: of the file, for messages and as the base of relative ``!File`` paths.
            path: of the place that includes it.
        """
        self._files += 1
        self._open_files.append(os.path.realpath(name))
        try:
            root, warned = compose(data, name)
            self.warnings += [f"{name}: {warning}" for warning in warned]
            return (
                None if root is None else _Translation(self, name, self._problems).node(root, path)
            )
        except YamlProblem as problem:
            self._problems.add(problem.mark, path, problem.message)
            return Broken(problem.mark)
        finally:
            self._open_files.pop()

    def include(self, name: str, mark: Mark, path: Path) -> Node:
        """The root node of a file that another one names with ``!File``."""
        full = os.path.join(os.path.dirname(mark.file), name)
        refusal = self._refusal(name, full)
        if refusal:
            self._problems.add(mark, path, refusal)
            return Broken(mark)
        try:
            data = self._read(full)
        except ConfigLoadError as error:
            self._problems.add(mark, path, f"!File {name}: {error}")
            return Broken(mark)
        root = self.text(data, full, path)
        return Scalar(mark) if root is None else root

    def _refusal(self, path: str, full: str) -> str:
        if not path or "\0" in path:
            return "!File takes a path, as in: !File tasks.yaml"
        if os.path.realpath(full) in self._open_files:
            return f"!File {path} includes itself, remove one of the two"
        if len(self._open_files) >= _MAX_INCLUDE_DEPTH:
            return f"!File is nested more than {_MAX_INCLUDE_DEPTH} files deep"
        if self._files >= _MAX_FILES:
            return f"more than {_MAX_FILES} files are included"
        return ""


class _Translation:
    """The nodes of one document, from those of the YAML library to ours."""

    def __init__(self, reader: Reader, name: str, problems: Problems) -> None:
        self._reader = reader
        self._name = name
        self._problems = problems
        self._done: dict[int, Node] = {}
        self._open: set[int] = set()
        self._kinds: dict[type, Callable[[Any, Mark, Path], Node]] = {
            ScalarNode: self._scalar,
            SequenceNode: self._sequence,
            MappingNode: self._mapping,
        }

    def node(self, source: Any, path: Path) -> Node:
        """Translate a node once; aliases meet it again and get the same object."""
        key = id(source)
        mark = self._mark(source)
        if key in self._done:
            return self._known(self._done[key], path)
        if key in self._open:
            return self._broken(mark, path, "an alias cannot stand inside its own anchor")
        if len(path) >= MAX_DEPTH:
            return self._broken(mark, path, f"nested more than {MAX_DEPTH} levels deep")
        self._open.add(key)
        made = self._kinds[type(source)](source, mark, path)
        self._open.discard(key)
        self._done[key] = made
        made.height = max([made.height, *(1 + child.height for _, child in children(made))])
        return made

    def _known(self, made: Node, path: Path) -> Node:
        """Aliases within aliases nest without indentation: count their levels too."""
        if len(path) + made.height > MAX_DEPTH:
            message = f"nested more than {MAX_DEPTH} levels deep through aliases"
            return self._broken(made.mark, path, message)
        return made

    def _broken(self, mark: Mark, path: Path, message: str) -> Node:
        self._problems.add(mark, path, message)
        return Broken(mark)

    def _mark(self, source: Any) -> Mark:
        return Mark(self._name, source.start_mark.line + 1, source.start_mark.column + 1)

    def _tag(self, source: Any, kind: str) -> str:
        tag = str(source.tag)
        return "" if tag in _PLAIN_TAGS[kind] else tag.replace(_CORE, "!!")

    def _scalar(self, source: Any, mark: Mark, path: Path) -> Node:
        tag = self._tag(source, "scalar")
        if tag == "!File":
            return self._reader.include(source.value, mark, path)
        if not tag.startswith("!!"):
            return Scalar(mark, tag, source.value, source.value)
        try:
            return Scalar(mark, "", source.value, scalar_value(source))
        except ValueError as error:
            return self._broken(mark, path, str(error))

    def _sequence(self, source: Any, mark: Mark, path: Path) -> Node:
        items = [self.node(item, (*path, index)) for index, item in enumerate(source.value)]
        return Sequence(mark, self._tag(source, "sequence"), items)

    def _mapping(self, source: Any, mark: Mark, path: Path) -> Node:
        own: dict[Any, Entry] = {}
        merges: list[Entry] = []
        for key_node, value_node in source.value:
            if key_node.tag == _MERGE:
                merges += self._merged(value_node, path)
                continue
            entry = self._entry(key_node, value_node, path)
            if entry is None:
                continue
            first = own.setdefault(entry.key, entry)
            if first is not entry:
                self._problems.add(
                    entry.mark,
                    (*path, entry.key),
                    f"the key {entry.key!r} is given twice (first at line {first.mark.line}), "
                    "remove one",
                )
        for entry in merges:
            own.setdefault(entry.key, entry)
        return Mapping(mark, self._tag(source, "mapping"), list(own.values()))

    def _entry(self, key_node: Any, value_node: Any, path: Path) -> Entry | None:
        mark = self._mark(key_node)
        key = self._key(key_node, mark, path)
        value = self.node(value_node, (*path, key[0] if key else "?"))
        if isinstance(value, Scalar) and not value.tag and not value.text:
            # The library marks an empty value where the next token begins, often the next line.
            value.mark = mark
        return None if key is None else Entry(key[0], mark, value)

    def _key(self, key_node: Any, mark: Mark, path: Path) -> tuple[Key] | None:
        key: Any = ()
        if isinstance(key_node, ScalarNode):
            try:
                key = scalar_value(key_node)
            except ValueError:
                key = ()
        if key is None or isinstance(key, (str, int, float)):
            return (key,)
        self._problems.add(mark, path, "a key is a word or a number, put it in quotes")
        return None

    def _merged(self, source: Any, path: Path) -> list[Entry]:
        """The entries that ``<<`` brings in; the first mapping of a list wins."""
        parts = [self.node(source, (*path, "<<"))]
        if isinstance(parts[0], Sequence):
            parts = parts[0].items
        entries: list[Entry] = []
        for part in parts:
            if isinstance(part, Mapping):
                entries += part.entries
            elif not isinstance(part, Broken):
                message = "'<<' takes a mapping or a list of mappings, such as <<: *name"
                self._problems.add(part.mark, path, message)
        return entries
