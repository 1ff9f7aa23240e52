"""CloudWatch as a target: one request after the other, each tried once at a time."""

import hashlib
import logging
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from wca.errors import StartError
from wca.storage.cloudwatch_client.client import sentence_of
from wca.storage.cloudwatch_client.preview import subject_of
from wca.storage.cloudwatch_client.requests import arguments_of
from wca.storage.cloudwatch_client.unsent import Unsent
from wca.storage.delivery.parcel import Outcome, Parcel, Refused, Unavailable

__all__ = ["CloudWatchTarget", "PutMetricData"]

log = logging.getLogger("wca.cloudwatch.publisher")

#: Errors after which the same request may be taken later. Source: the common errors of AWS and
#: those of PutMetricData; ``LimitExceeded`` is a rate here.
_LATER = frozenset(
    {
        "InternalFailure",
        "InternalServiceError",
        "InternalServiceFault",
        "LimitExceeded",
        "LimitExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "RequestTimeout",
        "RequestTimeoutException",
        "ServiceUnavailable",
        "SlowDown",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)
#: Errors that end when somebody mends a right, a key or a clock: nothing is wrong with the request.
_RIGHTS = frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        "AuthFailure",
        "ExpiredToken",
        "ExpiredTokenException",
        "IncompleteSignature",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "MissingAuthenticationToken",
        "NotAuthorized",
        "OptInRequired",
        "RequestExpired",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)
#: Statuses of answers to a request that is signed wrong, or must not be made.
_DENIED = (401, 403)
_TOO_LARGE = 413
_TOO_MANY = 429


class PutMetricData(Protocol):
    """The one call of boto3's client that is used."""

    def put_metric_data(self, **arguments: Any) -> Any:
        """See the API reference of CloudWatch."""


class CloudWatchTarget:
    """Sends each parcel as one PutMetricData.

    Args:
        make_client: gives boto3's client.
        retries: so often a request is tried again before it is given up; None: for as long as the
            queue has room for it.
        unsent: told what is settled.
    """

    window = 1
    loads = ("boto3",)

    def __init__(
        self, make_client: Callable[[], PutMetricData], retries: int | None, unsent: Unsent
    ) -> None:
        self._make_client = make_client
        self._retries = retries
        self._unsent = unsent
        self._client: PutMetricData | None = None
        self._failed = ("", 0)  # which parcel, how often

    def start(self) -> None:
        """Make the client, so that what is wrong with its options is said. Raises StartError."""
        if self._client is None:
            self._client = self._make_client()

    def open(self, timeout: float) -> None:
        """Make the client, if that has not been done. Raises Unavailable."""
        del timeout  # a client that is made connects to nothing
        try:
            self.start()
        except StartError as error:
            raise Unavailable(str(error)) from error

    def send(self, parcels: Sequence[Parcel], timeout: float) -> Sequence[Outcome]:
        """Send them, one after the other; the times of the client hold for each."""
        del timeout
        return [self._send(parcel) for parcel in parcels]

    def close(self, timeout: float) -> None:
        """Give the connections back."""
        del timeout
        client, self._client = self._client, None
        close = getattr(client, "close", None)
        if close is not None:
            close()

    def _send(self, parcel: Parcel) -> Outcome:
        outcome = self._patient(parcel, self._tried(parcel))
        if not isinstance(outcome, Unavailable):
            self._unsent.settle(parcel)
        if isinstance(outcome, Refused) and outcome.label != "failed":
            log.error("not published: %s: %s", subject_of(parcel.body), outcome.reason)
        return outcome

    def _tried(self, parcel: Parcel) -> Outcome:
        from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError

        assert self._client is not None  # noqa: S101 - open() was called
        try:
            self._client.put_metric_data(**arguments_of(parcel.body))
        except ClientError as error:
            return _judge(error.response, str(error))
        except ParamValidationError as error:
            return Refused(sentence_of(error))
        except ValueError as error:
            return Refused(str(error), label="failed")
        except (BotoCoreError, RuntimeError) as error:
            # No connection, no answer, no credentials; RuntimeError: new ones that have expired.
            return Unavailable(sentence_of(error))
        self._failed = ("", 0)
        return None

    def _patient(self, parcel: Parcel, outcome: Outcome) -> Outcome:
        """The outcome, or that enough was tried."""
        if not isinstance(outcome, Unavailable) or self._retries is None:
            return outcome
        which = hashlib.sha256(parcel.body).hexdigest()
        times = 1 + (self._failed[1] if self._failed[0] == which else 0)
        self._failed = (which, times)
        if times <= self._retries:
            return outcome
        self._failed = ("", 0)
        return Refused(f"given up after {self._retries} retries: {outcome.reason}", label="skipped")


def _judge(response: Any, told: str) -> Outcome:
    """What becomes of a request that was answered with an error."""
    code = str(response.get("Error", {}).get("Code", ""))
    status = int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    if code in _RIGHTS or status in _DENIED:  # AWS may quote the request, with the session's token
        told = f"{code}: AWS does not accept the key, its rights, or the time of this machine"
    if code in _LATER or status >= 500 or status == _TOO_MANY or code in _RIGHTS:
        return Unavailable(told)
    return Refused(told, label="too_large" if status == _TOO_LARGE else "refused")
