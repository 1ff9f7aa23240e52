"""Bytes to the nodes of the YAML library, with every way this fails turned into one problem.

This and ``reader`` are the only modules that know the YAML library.
"""

import io
import re
import warnings
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.reader import ReaderError

from wca.config.nodes import Mark
from wca.security import MAX_CONFIG_BYTES

__all__ = ["MAX_DEPTH", "YamlProblem", "compose", "plain_document", "scalar_value"]

MAX_DEPTH = 64

_CORE = "tag:yaml.org,2002:"
_SCALARS = frozenset(_CORE + kind for kind in ("null", "bool", "int", "float", "str", "timestamp"))
_ADVICE = (
    ("cannot start any token", "YAML is indented with spaces, not with tabs"),
    ("mapping values are not allowed", "quote a text that contains ': ', or check the indentation"),
    ("but found another document", "one file holds one document, remove the '---'"),
    ("found undefined alias", "an alias (*name) comes after its anchor (&name)"),
    ("maximum depth", f"write it with at most {MAX_DEPTH} levels"),
    ("could not find expected ':'", "write a colon after the key"),
    ("expected <block end>", "check the indentation"),
    ("expected ',' or", "check the brackets"),
)


class YamlProblem(Exception):  # noqa: N818 - it becomes a line of a report
    """A text that is not YAML, and where."""

    def __init__(self, mark: Mark, message: str) -> None:
        self.mark = mark
        self.message = message
        super().__init__(f"{mark}: {message}")


class _NamedText(io.StringIO):
    def __init__(self, text: str, name: str) -> None:
        super().__init__(text)
        self.name = name


def _mark_at(name: str, text: str, position: int) -> Mark:
    before = text[:position]
    return Mark(name, before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1)


def _decode(data: bytes, name: str) -> str:
    if len(data) > MAX_CONFIG_BYTES:
        raise YamlProblem(Mark(name, 1, 1), f"the file is larger than {MAX_CONFIG_BYTES} bytes")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8", "replace")
        mark = _mark_at(name, before, len(before))
        raise YamlProblem(mark, "not UTF-8 text, save the file as UTF-8") from None
    return text


def _advice(words: str) -> str:
    return next((f", {advice}" for part, advice in _ADVICE if part in words), "")


def _marked(error: MarkedYAMLError, name: str) -> YamlProblem:
    place: Any = error.problem_mark or error.context_mark
    mark = Mark(name, place.line + 1, place.column + 1) if place else Mark(name, 1, 1)
    words = " ".join(str(part) for part in (error.context, error.problem) if part)
    # The context names where an unclosed bracket began: that helps more than where the file ends.
    if error.context_mark is not None and error.problem_mark is not None:
        began: Any = error.context_mark
        if began.line != place.line:
            words += f" (it began at line {began.line + 1})"
    return YamlProblem(
        mark, f"not valid YAML: {re.sub(r', if necessary.*', '', words)}{_advice(words)}"
    )


def compose(data: bytes, name: str) -> tuple[Any, list[str]]:
    """The root node of a document, or None when it is empty, and warnings.

    Args:
        data: the content of the file.
        name: of the file, for messages.

    Raises:
        YamlProblem: it is not one YAML document within the limits.
    """
    text = _decode(data, name)
    yaml = YAML(typ="safe", pure=True)
    yaml.max_depth = MAX_DEPTH
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            root = yaml.compose(_NamedText(text, name))
    except MarkedYAMLError as error:
        raise _marked(error, name) from None
    except ReaderError as error:
        mark = _mark_at(name, text, error.position)
        character: Any = error.character
        shown = repr(chr(character) if isinstance(character, int) else character)
        raise YamlProblem(mark, f"the character {shown} is not allowed, remove it") from None
    except Exception as error:  # noqa: BLE001 - the library fails in many ways on random bytes
        reason = f"{type(error).__name__}: {error}"
        raise YamlProblem(Mark(name, 1, 1), f"cannot be read as YAML ({reason})") from None
    return root, [" ".join(str(warning.message).split()) for warning in caught]


def scalar_value(node: Any) -> Any:
    """What YAML 1.2 reads a scalar node as.

    Raises:
        ValueError: it has a tag that is none of the safe ones, or a text that its tag refuses.
    """
    if node.tag not in _SCALARS:
        raise ValueError(f"the tag {node.tag.replace(_CORE, '!!')} is not known here")
    try:
        return YAML(typ="safe", pure=True).constructor.construct_object(node)
    except Exception as error:
        raise ValueError(f"cannot be read as {node.tag.replace(_CORE, '')}") from error


def plain_document(data: bytes, name: str) -> Any:
    """A document that holds data only: lists, mappings, texts, numbers; None when it is empty.

    Args:
        data: the content of the file.
        name: of the file, for messages.

    Raises:
        YamlProblem: it is not YAML, or has a tag or a key that is no plain data.
    """
    root, _warnings = compose(data, name)
    return None if root is None else _plain(root, name, MAX_DEPTH)


def _plain(node: Any, name: str, depth: int) -> Any:
    mark = Mark(name, node.start_mark.line + 1, node.start_mark.column + 1)
    if not depth:
        raise YamlProblem(mark, f"write it with at most {MAX_DEPTH} levels")
    if node.id == "scalar":
        try:
            return scalar_value(node)
        except ValueError as error:
            raise YamlProblem(mark, str(error)) from None
    if node.tag not in (f"{_CORE}seq", f"{_CORE}map"):
        raise YamlProblem(mark, f"the tag {node.tag.replace(_CORE, '!!')} is not known here")
    if node.id == "sequence":
        return [_plain(one, name, depth - 1) for one in node.value]
    found: dict[Any, Any] = {}
    for key_node, value in node.value:
        key = _plain(key_node, name, depth - 1)
        if not isinstance(key, (str, int, float, bool, type(None))):
            raise YamlProblem(mark, "a key is a text or a number")
        if key in found:
            raise YamlProblem(mark, f"the key {key!r} is there twice")
        found[key] = _plain(value, name, depth - 1)
    return found
