"""Where jobs get what they work with."""

from collections.abc import Mapping
from typing import Any, Protocol

from wca.errors import StartError
from wca.workers.cml.repository import CMLWorkerRepository

__all__ = ["ServiceCollection", "ServiceProvider", "client_and_workers"]


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


def client_and_workers(
    service_provider: ServiceProvider | None, given: Mapping[str, Any]
) -> tuple[Any, CMLWorkerRepository | None]:
    """The client of AWS and the repository that a job works with; None: there is none.

    Args:
        service_provider: has an ``AwsEc2Client`` and a ``CMLWorkerRepository``; None: there is no
            container.
        given: ``aws_ec2_client`` and ``worker_repository``; they go before the container.
    """
    client, workers = given.get("aws_ec2_client"), given.get("worker_repository")
    if service_provider is not None:
        from wca.workers.ec2_client import AwsEc2Client

        client = client or service_provider.get_required_service(AwsEc2Client)
        workers = workers or service_provider.get_required_service(CMLWorkerRepository)
    return client, workers
