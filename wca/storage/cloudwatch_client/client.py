"""A client of CloudWatch, made of what the environment, the AWS files or a role say."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from wca.errors import StartError, ValidationError

__all__ = ["ClientOptions", "make_client", "sentence_of"]

_INSTALL = "the package boto3 is missing: install wca[aws]"
_REGION = "no region: write region, or set AWS_DEFAULT_REGION"
_CREDENTIALS = (
    "no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, write ~/.aws/credentials, or "
    "give this machine or task a role"
)
#: Errors of botocore that quote what a process or a service has answered instead of credentials.
_QUOTING = ("CredentialRetrievalError", "MetadataRetrievalError")


@dataclass(frozen=True)
class ClientOptions:
    """Where and how to reach CloudWatch.

    Args:
        region: of AWS; None: what the environment says.
        endpoint_url: instead of that of the region; None: what the environment says.
        profile: of the AWS files; None: what the environment says.
        connect_timeout: in seconds.
        read_timeout: in seconds; long, because a request that is given up while it is being
            answered is stored twice.

    Raises:
        ValidationError: the address has a user name or a password in it.
    """

    region: str | None = None
    endpoint_url: str | None = None
    profile: str | None = None
    connect_timeout: float = 2.0
    read_timeout: float = 10.0

    def __post_init__(self) -> None:
        _check_endpoint(self.endpoint_url)


def make_client(options: ClientOptions) -> Any:
    """A client of CloudWatch that tries each request once; connects to nothing but for a role.

    Raises:
        StartError: region, profile or credentials are missing, or make no sense.
    """
    try:
        import boto3
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError
    except ImportError:
        raise StartError(_INSTALL) from None
    config = Config(
        connect_timeout=options.connect_timeout,
        read_timeout=options.read_timeout,
        # What failed is tried again by the queue, which knows how long and tells of it.
        retries={"total_max_attempts": 1, "mode": "standard"},
        tcp_keepalive=True,
    )
    try:
        session = boto3.Session(profile_name=options.profile, region_name=options.region)
        if session.region_name is None:
            raise StartError(_REGION)
        if session.get_credentials() is None:
            raise StartError(_CREDENTIALS)
        client = session.client("cloudwatch", endpoint_url=options.endpoint_url, config=config)
        _check_endpoint(client.meta.endpoint_url)  # the environment's as well
    except ValidationError as error:
        raise StartError(f"AWS cannot be used: {error}") from None
    except (BotoCoreError, ValueError) as error:
        raise StartError(f"AWS cannot be used: {sentence_of(error)}") from None
    return client


def sentence_of(error: Exception) -> str:
    """What an error says, without what could be a secret.

    Args:
        error: of botocore.
    """
    kind = type(error).__name__
    if kind in _QUOTING:
        return f"{kind}: the credentials cannot be read"
    return " ".join(str(error).split()).rstrip(".")


def _check_endpoint(url: str | None) -> None:
    """Refuse what would be in every message that names the address. Raises ValidationError."""
    if url is not None and "@" in urlsplit(url).netloc:
        raise ValidationError(
            "endpoint_url: the address has a user name or a password in it: write it without, "
            "requests are signed"
        )
