"""Values as the database keeps them: JSON documents.

Controllers of neighbouring versions take turns with one database, so a document may have fields that this version does
not know: they are left out, and are lost when this version writes the value again.
"""

from typing import TypeVar

from gpool.model.base import Model

__all__ = ["read_document"]

M = TypeVar("M", bound=Model)


def read_document(kind: type[M], document: str) -> M:
    """The value in a document. Raises `pydantic.ValidationError` for one that is none of that kind."""
    return kind.model_validate_json(document, extra="ignore")
