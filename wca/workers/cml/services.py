"""Where jobs get what they work with."""

from typing import Any, Protocol

from wca.errors import StartError

__all__ = ["ServiceCollection", "ServiceProvider"]


class ServiceProvider(Protocol):
    """What a dependency injection container has to offer."""

    def get_required_service(self, service_type: type[Any]) -> Any:
        """The service of this type; raises where there is none."""
        ...


class ServiceCollection:
    """A small container: one object of each type."""

    def __init__(self) -> None:
        self._services: dict[type[Any], Any] = {}

    def add_singleton(self, service_type: type[Any], service: Any) -> "ServiceCollection":
        """Answer with this object to a question for this type; returns itself."""
        self._services[service_type] = service
        return self

    def get_required_service(self, service_type: type[Any]) -> Any:
        """The service of this type.

        Raises:
            StartError: there is none.
        """
        try:
            return self._services[service_type]
        except KeyError:
            name = service_type.__name__
            raise StartError(
                f"There is no service {name}: add it with add_singleton({name}, ...)."
            ) from None
