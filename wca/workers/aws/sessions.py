"""Clients of boto3: one for each account, region and service, made once."""

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from wca.errors import StartError
from wca.workers.aws.account import AwsAccount
from wca.workers.aws.errors import AwsError, Kind, place
from wca.workers.model import Shard

__all__ = ["ClientOptions", "Sessions"]

_INSTALL = "the package boto3 is missing: install wca[workers]"
_CREDENTIALS = (
    "no AWS credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, write "
    "~/.aws/credentials, or give this machine or task a role"
)


@dataclass(frozen=True)
class ClientOptions:
    """How AWS is asked.

    Args:
        endpoint_url: instead of the regions' own; None: what the environment says, or those.
        attempts: of one call, in botocore's standard mode.
        connections: that one client keeps.
        timeout: seconds for an answer.
        connect_timeout: seconds for a connection.
    """

    endpoint_url: str | None = None
    attempts: int = 5
    connections: int = 16
    timeout: float = 20.0
    connect_timeout: float = 3.0


class Sessions:
    """One session for each account; their clients are thread-safe.

    Making a client takes tens of milliseconds and reads AWS' description of the service, which all
    of them share.

    Args:
        accounts: by name.
        options: how AWS is asked.
        before_send: called before each attempt of a call with the shard and the operation; what
            it raises ends the call.
    """

    def __init__(
        self,
        accounts: Mapping[str, AwsAccount | None],
        options: ClientOptions,
        before_send: Callable[[Shard, str], None],
    ) -> None:
        self._accounts = accounts
        self._options = options
        self._before_send = before_send
        self._lock = threading.RLock()
        self._core: Any = None
        self._own: Any = None
        self._sessions: dict[str, Any] = {}
        self._clients: dict[tuple[Shard, str], Any] = {}

    def open(self) -> None:
        """Find boto3 and the agent's own credentials; asks nobody but for a machine's role.

        Raises:
            StartError: one of them is missing.
        """
        try:
            from botocore.exceptions import BotoCoreError
        except ImportError:
            raise StartError(_INSTALL) from None
        try:
            found = self._own_session().get_credentials()
        except (BotoCoreError, ValueError) as error:
            raise StartError(f"AWS cannot be used: {str(error).rstrip('.')}") from None
        if found is None:
            raise StartError(_CREDENTIALS)

    def role(self, name: str) -> str | None:
        """The ARN of the role that is assumed in an account; None: there is none."""
        account = self._accounts.get(name)
        return account.role_arn if account else None

    def client(self, shard: Shard, service: str) -> Any:
        """The client of a service.

        Raises:
            AwsError: there is no such account.
            BotoCoreError: botocore cannot make one, as for a region that cannot be.
        """
        with self._lock:
            client = self._clients.get((shard, service))
            if client is None:
                client = self._clients[shard, service] = self._made(shard, service)
            return client

    def region(self) -> str | None:
        """The region that the environment or the AWS files name; None: they name none."""
        found: str | None = self._own_session().region_name
        return found

    def close(self) -> None:
        """Let go of all clients and their connections."""
        with self._lock:
            clients = list(self._clients.values())
            self._clients.clear()
            self._sessions.clear()
            self._own = self._core = None
        for client in clients:
            client.close()

    def _made(self, shard: Shard, service: str) -> Any:
        client = self._session(shard).client(
            service,
            region_name=shard.region,
            endpoint_url=self._options.endpoint_url,
            config=self._config(),
        )

        def before_send(event_name: str, **_: Any) -> None:
            self._before_send(shard, event_name.rpartition(".")[2])

        client.meta.events.register("before-send", before_send)
        return client

    def _config(self) -> Any:
        from botocore.config import Config

        return Config(
            connect_timeout=self._options.connect_timeout,
            read_timeout=self._options.timeout,
            retries={"mode": "standard", "total_max_attempts": self._options.attempts},
            max_pool_connections=self._options.connections,
            tcp_keepalive=True,
        )

    def _session(self, shard: Shard) -> Any:
        if shard.account not in self._accounts:
            known = ", ".join(sorted(filter(None, self._accounts))) or "none"
            raise AwsError(
                f"{place(shard)}: accounts of AwsCloud has no {shard.account!r} (it has: {known}); "
                "add it there, or correct the account of the workers",
                Kind.CREDENTIALS,
            )
        account = self._accounts[shard.account]
        if account is None or account.role_arn is None:
            return self._own_session()
        session = self._sessions.get(account.name)
        if session is None:
            session = self._assuming(account, shard.region)
            self._sessions[account.name] = session
        return session

    def _own_session(self) -> Any:
        import boto3
        import botocore.session

        with self._lock:
            if self._own is None:
                # It logs with a traceback what the error of the call says in a sentence.
                logging.getLogger("botocore.credentials").setLevel(logging.ERROR)
                self._core = botocore.session.get_session()
                self._own = boto3.Session(botocore_session=self._core)
            return self._own

    def _assuming(self, account: AwsAccount, region: str) -> Any:
        """A session whose credentials are those of a role, renewed before they expire."""
        import boto3
        import botocore.session
        from botocore.credentials import DeferredRefreshableCredentials

        sts = self._own_session().client(
            "sts",
            region_name=region,
            endpoint_url=self._options.endpoint_url,
            config=self._config(),
        )
        credentials = DeferredRefreshableCredentials(lambda: _assumed(sts, account), "assume-role")
        core = botocore.session.get_session()
        core.register_component("credential_provider", _Credentials(credentials))
        # What has read AWS' descriptions of services: tens of megabytes, so once for all accounts.
        core.register_component("data_loader", self._core.get_component("data_loader"))
        return boto3.Session(botocore_session=core)


class _Credentials:
    """What a session of botocore asks for its credentials."""

    def __init__(self, credentials: Any) -> None:
        self._credentials = credentials

    def load_credentials(self) -> Any:
        return self._credentials


def _assumed(sts: Any, account: AwsAccount) -> Mapping[str, Any]:
    arguments = {"RoleArn": account.role_arn, "RoleSessionName": "wca"}
    if account.external_id is not None:
        arguments["ExternalId"] = account.external_id
    given = sts.assume_role(**arguments)["Credentials"]
    return {
        "access_key": given["AccessKeyId"],
        "secret_key": given["SecretAccessKey"],
        "token": given["SessionToken"],
        "expiry_time": given["Expiration"].isoformat(),
    }
