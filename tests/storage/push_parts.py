"""What tests of remote write and OTLP share: decoders made from the upstream schemas, and waiting."""

import functools
import struct
import time

import cramjam
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)

from tests.proto import messages
from tests.storage.delivery_parts import balanced

STALE = 0x7FF0_0000_0000_0002


@functools.cache
def write_request():
    return messages("types.proto", "remote.proto")["prometheus.WriteRequest"]


@functools.cache
def write_request_v2():
    return messages("write_v2.proto")["io.prometheus.write.v2.Request"]


def unpacked(body):
    return bytes(cramjam.snappy.decompress_raw(body))


def bits(value):
    return struct.unpack("<Q", struct.pack("<d", value))[0]


def decode_v1(body):
    """Labels, bits of the value and time in milliseconds of each series, and the metadata."""
    request = write_request().FromString(unpacked(body))
    series = []
    for one in request.timeseries:
        (sample,) = one.samples
        labels = tuple((label.name, label.value) for label in one.labels)
        series.append((labels, bits(sample.value), sample.timestamp))
    return series, {
        one.metric_family_name: (one.type, one.help, one.unit) for one in request.metadata
    }


def decode_v2(body):
    """The same, with type, help, unit and start of each series."""
    request = write_request_v2().FromString(unpacked(body))
    symbols = list(request.symbols)
    assert symbols[0] == ""
    assert len(set(symbols)) == len(symbols)
    series, about = [], []
    for one in request.timeseries:
        (sample,) = one.samples
        texts = [symbols[ref] for ref in one.labels_refs]
        labels = tuple(zip(texts[::2], texts[1::2], strict=True))
        series.append((labels, bits(sample.value), sample.timestamp))
        data = one.metadata
        texts = symbols[data.help_ref], symbols[data.unit_ref]
        about.append((dict(labels)["__name__"], data.type, *texts, sample.start_timestamp))
    return series, about


def decode_otlp(body):
    """The resource's attributes, and the metrics."""
    request = ExportMetricsServiceRequest.FromString(body)
    (resource,) = request.resource_metrics
    (scope,) = resource.scope_metrics
    assert scope.scope.name == "wca"
    return attributes(resource.resource.attributes), list(scope.metrics)


def attributes(pairs):
    return {pair.key: pair.value.string_value for pair in pairs}


def points_of(metric):
    return (metric.sum if metric.HasField("sum") else metric.gauge).data_points


def until(condition, seconds=30):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come about in time"
        time.sleep(0.01)


def settled(storage):
    """Wait until everything has been answered; the account."""
    until(lambda: storage.waiting.parcels == 0)
    return balanced(storage.ledger)
