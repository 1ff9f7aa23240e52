"""Messages to a web service, one POST each: a target that keeps every promise of delivery."""

from wca.http_client.words import shown_url
from wca.storage.http_client.answers import Answer, judge, not_now
from wca.storage.http_client.auth import HttpAuth
from wca.storage.http_client.compression import Compression, gzip_quickly
from wca.storage.http_client.fields import refuse_headers
from wca.storage.http_client.target import HttpTarget, Judge, Way

__all__ = [
    "Answer",
    "Compression",
    "HttpAuth",
    "HttpTarget",
    "Judge",
    "Way",
    "gzip_quickly",
    "judge",
    "not_now",
    "refuse_headers",
    "shown_url",
]
