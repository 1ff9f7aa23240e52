"""Looking into JSON that somebody else has written."""

from typing import Any

from wca.errors import ValidationError

__all__ = ["Document", "entries", "section", "text"]

Document = dict[str, Any]


def section(document: Document, name: str) -> Document:
    """An object inside another one; empty where it is absent.

    Raises:
        ValidationError: it is no object.
    """
    found = document.get(name)
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise ValidationError(f"its {name} is {type(found).__name__}, expected an object")
    return found


def entries(document: Document, name: str) -> list[Document]:
    """A list of objects; empty where it is absent.

    Raises:
        ValidationError: it is no list of objects.
    """
    found = document.get(name)
    if found is None:
        return []
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise ValidationError(f"its {name} is no list of objects")
    return found


def text(document: Document, name: str) -> str:
    """A text; empty where it is absent.

    Raises:
        ValidationError: it is no text.
    """
    found = document.get(name)
    if found is None:
        return ""
    if not isinstance(found, str):
        raise ValidationError(f"its {name} is {type(found).__name__}, expected text")
    return found
