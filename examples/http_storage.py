import logging
from dataclasses import dataclass

import requests

from wca.storage import FailedDeliveryException, Storage

log = logging.getLogger(__name__)


@dataclass
class HTTPStorage(Storage):
    """Posts the values of the metrics, by name, as JSON."""

    http_endpoint: str = "http://127.0.0.1:8000"

    def store(self, metrics):
        log.info("sending!")
        try:
            response = requests.post(
                self.http_endpoint,
                json={metric.name: metric.value for metric in metrics},
                timeout=5,
            )
            response.raise_for_status()
        except requests.RequestException as error:
            raise FailedDeliveryException(f"{self.http_endpoint}: {error}") from error
