"""Where metrics go."""

from typing import TYPE_CHECKING

from wca.lazy import lazy_names
from wca.storage.api import FailedDeliveryException, Storage

if TYPE_CHECKING:
    from wca.storage.aggregating import AggregatingStorage
    from wca.storage.cloudwatch import CloudWatchStorage
    from wca.storage.delivery import Parcel, Refused, Unavailable
    from wca.storage.emf import EmfStorage
    from wca.storage.filter import FilterStorage
    from wca.storage.http import HTTPStorage
    from wca.storage.kafka import KafkaStorage
    from wca.storage.log import LogStorage
    from wca.storage.multi import MultiStorage
    from wca.storage.network import Encoding, NetworkStorage
    from wca.storage.otlp import OTLPStorage
    from wca.storage.prometheus import PrometheusStorage
    from wca.storage.relabel import RelabelStorage
    from wca.storage.remote_write import RemoteWriteStorage

__all__ = [
    "AggregatingStorage",
    "CloudWatchStorage",
    "EmfStorage",
    "Encoding",
    "FailedDeliveryException",
    "FilterStorage",
    "HTTPStorage",
    "KafkaStorage",
    "LogStorage",
    "MultiStorage",
    "NetworkStorage",
    "OTLPStorage",
    "Parcel",
    "Refused",
    "PrometheusStorage",
    "RelabelStorage",
    "RemoteWriteStorage",
    "Storage",
    "Unavailable",
]

__getattr__ = lazy_names(
    __name__,
    {
        "AggregatingStorage": "wca.storage.aggregating",
        "CloudWatchStorage": "wca.storage.cloudwatch",
        "EmfStorage": "wca.storage.emf",
        "Encoding": "wca.storage.network",
        "FilterStorage": "wca.storage.filter",
        "KafkaStorage": "wca.storage.kafka",
        "HTTPStorage": "wca.storage.http",
        "LogStorage": "wca.storage.log",
        "MultiStorage": "wca.storage.multi",
        "NetworkStorage": "wca.storage.network",
        "OTLPStorage": "wca.storage.otlp",
        "Parcel": "wca.storage.delivery",
        "Refused": "wca.storage.delivery",
        "PrometheusStorage": "wca.storage.prometheus",
        "RelabelStorage": "wca.storage.relabel",
        "RemoteWriteStorage": "wca.storage.remote_write",
        "Unavailable": "wca.storage.delivery",
    },
)
