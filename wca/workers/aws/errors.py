"""What went wrong with a call, as one sentence that says where and what to do."""

import enum
from typing import Any

from wca.workers.api import CloudError
from wca.workers.aws.apis import Api
from wca.workers.model import Shard

__all__ = ["AwsError", "Kind", "error_of", "place"]


class Kind(enum.StrEnum):
    """Whose fault it is; a label of ``wca_aws_failed_requests``."""

    THROTTLED = "throttled"
    DENIED = "denied"
    CREDENTIALS = "credentials"
    REGION = "region"
    UNREACHABLE = "unreachable"
    INVALID = "invalid"
    FAILED = "failed"


#: Kinds that somebody must mend: asking again does not help.
_LASTING = frozenset({Kind.DENIED, Kind.CREDENTIALS, Kind.REGION})
#: Kinds after which AWS may have done what it was asked for.
_UNANSWERED = frozenset({Kind.UNREACHABLE, Kind.FAILED})

_THROTTLED = frozenset(
    {
        "EC2ThrottledException",
        "LimitExceeded",
        "LimitExceededException",
        "PriorRequestNotComplete",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "SlowDown",
        "Throttling",
        "ThrottledException",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)
_DENIED = frozenset(
    {"AccessDenied", "AccessDeniedException", "NotAuthorized", "UnauthorizedOperation"}
)
_CREDENTIALS = frozenset(
    {
        "AuthFailure",
        "ExpiredToken",
        "ExpiredTokenException",
        "IncompleteSignature",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "MissingAuthenticationToken",
        "RequestExpired",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)
_REGION = frozenset({"OptInRequired"})

#: What to do, by kind.
_ADVICE = {
    Kind.THROTTLED: "AWS limits the rate: poll less often, or ask AWS for more",
    Kind.DENIED: "allow {permission} to {identity}",
    Kind.CREDENTIALS: "AWS does not accept the credentials of {identity}: correct or renew them, "
    "set the clock, and see that the account uses this region",
    Kind.REGION: "correct the region, or enable it in the account",
    Kind.UNREACHABLE: "see the network, the proxy, the name of the region and endpoint_url",
    Kind.INVALID: "AWS refuses the request",
    Kind.FAILED: "it is tried again with the next poll",
}


class AwsError(CloudError):
    """A call that failed.

    Args:
        message: the sentence.
        kind: whose fault it is.
        code: AWS' code of the error; empty: AWS has not answered.
        told: AWS' own words.
    """

    def __init__(self, message: str, kind: Kind, code: str = "", told: str = "") -> None:
        super().__init__(message, lasting=kind in _LASTING, unanswered=kind in _UNANSWERED)
        self.kind = kind
        self.code = code
        self.told = told


def place(shard: Shard, api: Api | None = None) -> str:
    """Where it was: ``account prod, eu-west-1, DescribeInstanceStatus``."""
    parts = [f"account {shard.account}" if shard.account else "", shard.region]
    return ", ".join(part for part in (*parts, api.operation if api else "") if part)


def error_of(error: Exception, shard: Shard, api: Api, role: str | None) -> AwsError:
    """The error of a call in the account's own words.

    Args:
        error: of botocore, or of what it is made of.
        shard: where.
        api: what was called.
        role: ARN of the role that is assumed there; None: the agent's own credentials.
    """
    if isinstance(error, AwsError):
        return error
    where, identity = place(shard, api), role or "the agent's user or role"
    response = getattr(error, "response", None)
    if isinstance(response, dict):
        code, told = _answer(response)
        kind = _kind(code, int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)))
        if getattr(error, "operation_name", "") == "AssumeRole":
            return _not_assumed(where, role, kind, code, told)
    else:
        code, told, kind = "", _words(error), _kind_of_class(error)
    said = f"{code}: {told}" if code and told else code or told
    advice = _ADVICE[kind].format(permission=api.permission, identity=identity)
    return AwsError(f"{where}: {said}; {advice}", kind, code, told)


def _not_assumed(where: str, role: str | None, kind: Kind, code: str, told: str) -> AwsError:
    advice = f"let the agent's user or role assume {role}, and see external_id"
    return AwsError(f"{where}: AssumeRole: {code}: {told}; {advice}", kind, code, told)


def _answer(response: dict[str, Any]) -> tuple[str, str]:
    error = response.get("Error", {})
    return str(error.get("Code", "")), " ".join(str(error.get("Message", "")).split()).rstrip(".")


def _kind(code: str, status: int) -> Kind:
    known = (
        (Kind.THROTTLED, _THROTTLED),
        (Kind.DENIED, _DENIED),
        (Kind.CREDENTIALS, _CREDENTIALS),
        (Kind.REGION, _REGION),
    )
    for kind, codes in known:
        if code in codes:
            return kind
    return Kind.INVALID if 400 <= status < 500 else Kind.FAILED


def _kind_of_class(error: Exception) -> Kind:
    """The kind of an error without an answer. Only called after botocore was imported."""
    from botocore import exceptions

    kinds: tuple[tuple[Kind, tuple[type[Exception], ...]], ...] = (
        (
            Kind.CREDENTIALS,
            (
                exceptions.NoCredentialsError,
                exceptions.PartialCredentialsError,
                exceptions.CredentialRetrievalError,
                exceptions.TokenRetrievalError,
                exceptions.UnauthorizedSSOTokenError,
                exceptions.SSOTokenLoadError,
            ),
        ),
        (
            Kind.REGION,
            (
                exceptions.InvalidRegionError,
                exceptions.NoRegionError,
                exceptions.UnknownRegionError,
            ),
        ),
        (
            Kind.UNREACHABLE,
            (exceptions.HTTPClientError, exceptions.ConnectionError, OSError),
        ),
        (Kind.INVALID, (exceptions.ParamValidationError, ValueError)),
    )
    for kind, classes in kinds:
        if isinstance(error, classes):
            return kind
    return Kind.FAILED


def _words(error: Exception) -> str:
    return " ".join(str(error).split()).rstrip(".") or type(error).__name__
