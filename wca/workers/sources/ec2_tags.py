"""Workers that EC2 tells, by their tags."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal

from wca.clock import Clock
from wca.config.types import Injected, Str
from wca.errors import ValidationError
from wca.telemetry import Telemetry
from wca.workers.api import CloudError, SourceError, WorkerSource
from wca.workers.aws.apis import DESCRIBE_INSTANCES, DESCRIBE_REGIONS
from wca.workers.aws.calls import Calls
from wca.workers.aws.cloud import AwsCloud
from wca.workers.model import Gap, Shard, Worker
from wca.workers.sources.kept import KeptWorkers

__all__ = ["Ec2TagWorkers"]

_NAME = Str(255)
#: Instances on one page: the most that EC2 gives.
_PAGE = 1000
#: Where the regions are asked for when neither environment nor AWS files name one.
_ANY_REGION = "us-east-1"
_NAME_TAG = "Name"


class Ec2TagWorkers(WorkerSource):
    """The instances of EC2 with certain tags, in several regions and accounts.

    Instances in all states are listed: EC2 forgets one an hour after its end, until then monitoring
    can see that it has ended. A worker's id is that of its instance, its name the tag ``Name``.

    A region that cannot be asked keeps its last good list, and costs the others nothing. One that
    has none yet is a gap.

    Args:
        regions: names of regions, or ``all-enabled``: those that each account has enabled.
        tags: name to value, or to several values of which one is enough; ``*`` stands for any
            text. All of them must be there.
        filters: further filters of EC2's DescribeInstances, such as ``instance-type``.
        cloud: whose accounts, endpoint and rates are used; usually that of the runner, by an
            anchor (``&aws``, ``*aws``). When left out, the agent's own credentials.
        accounts: names of accounts of the cloud; when left out all of them, and the agent's own
            where it has none.
        clock: time.

    Raises:
        ValidationError: there are no regions, or an account is none of the cloud.
    """

    def __init__(
        self,
        regions: list[Annotated[str, _NAME]] | Literal["all-enabled"],
        tags: dict[str, str | list[str]] | None = None,
        filters: dict[str, list[str]] | None = None,
        cloud: AwsCloud | None = None,
        accounts: list[Annotated[str, _NAME]] | None = None,
        *,
        clock: Annotated[Clock | None, Injected()] = None,
    ) -> None:
        if not regions:
            raise ValidationError("regions is empty: write regions, or all-enabled")
        self._owns_cloud = cloud is None
        self._cloud = cloud or AwsCloud(clock=clock)
        self._accounts = _known(accounts, self._cloud.accounts)
        self._regions = regions
        self._filters = _filters(tags or {}, filters or {})
        self._parts: dict[Shard, KeptWorkers] = {}
        self._known_regions: dict[str, list[str]] = {}
        self._gaps: list[Gap] = []
        self._telemetry = Telemetry()
        self._clock = clock

    def use_telemetry(self, telemetry: Telemetry) -> None:
        """Tell this one which regions fail."""
        self._telemetry = telemetry
        for part in self._parts.values():
            part.use_telemetry(telemetry)

    def start(self) -> None:
        """Find boto3 and credentials; raises StartError when one is missing."""
        if self._owns_cloud:
            self._cloud.start()

    def workers(self) -> Sequence[Worker]:
        """The instances of all regions that have a list.

        Raises:
            SourceError: none has one.
        """
        found: list[Worker] = []
        reasons: list[str] = []
        gaps: list[Gap] = []
        any_list = False
        for account in self._accounts:
            try:
                regions = self._regions_of(account)
            except SourceError as error:
                reasons.append(str(error))
                gaps.append(Gap(account))
                continue
            for region in regions:
                try:
                    found += self._part(Shard(account, region)).workers()
                    any_list = True
                except SourceError as error:
                    reasons.append(str(error))
                    gaps.append(Gap(account, region))
        self._gaps = gaps
        if reasons and not any_list:
            raise SourceError("; ".join(reasons))
        return found

    def gaps(self) -> Sequence[Gap]:
        """Accounts and regions that have no list yet."""
        return self._gaps

    def close(self, timeout: float = 5.0) -> None:
        """Let go of connections.

        Args:
            timeout: in seconds.
        """
        if self._owns_cloud:
            self._cloud.close(timeout)

    def _part(self, shard: Shard) -> KeptWorkers:
        if shard not in self._parts:
            self._parts[shard] = KeptWorkers(
                f"Ec2TagWorkers {shard.key}",
                _Region(self._cloud.calls, shard, self._filters),
                self._telemetry,
                self._clock,
            )
        return self._parts[shard]

    def _regions_of(self, account: str) -> Sequence[str]:
        if self._regions != "all-enabled":
            return self._regions
        component = f"Ec2TagWorkers {account}/all-enabled"
        where = Shard(account, self._cloud.calls.region or _ANY_REGION)
        try:
            answer = self._cloud.calls.call(where, DESCRIBE_REGIONS)
        except CloudError as error:
            self._telemetry.failure(component, str(error))
            if account not in self._known_regions:
                raise SourceError(str(error)) from error
        else:
            self._telemetry.success(component)
            names = sorted(one["RegionName"] for one in answer["Regions"])
            self._known_regions[account] = names
        return self._known_regions[account]


class _Region(WorkerSource):
    """The instances of one region."""

    def __init__(self, calls: Calls, shard: Shard, filters: list[dict[str, Any]]) -> None:
        self._calls = calls
        self._shard = shard
        self._filters = filters

    def workers(self) -> Sequence[Worker]:
        try:
            return list(self._all())
        except CloudError as error:
            raise SourceError(str(error)) from error

    def _all(self) -> Iterator[Worker]:
        arguments: dict[str, Any] = {"Filters": self._filters} if self._filters else {}
        for page in self._calls.pages(
            self._shard, DESCRIBE_INSTANCES, MaxResults=_PAGE, **arguments
        ):
            for reservation in page.get("Reservations", ()):
                for instance in reservation.get("Instances", ()):
                    yield _worker(self._shard, instance)


def _worker(shard: Shard, instance: Mapping[str, Any]) -> Worker:
    tags = {tag["Key"]: tag.get("Value", "") for tag in instance.get("Tags", ())}
    return Worker(
        id=instance["InstanceId"],
        region=shard.region,
        instance_id=instance["InstanceId"],
        account=shard.account,
        name=tags.get(_NAME_TAG, ""),
        tags=tags,
    )


def _known(accounts: list[str] | None, those_of_cloud: list[str]) -> list[str]:
    for name in accounts or ():
        if name and name not in those_of_cloud:
            known = ", ".join(those_of_cloud) or "none"
            raise ValidationError(
                f"accounts has {name!r}, but the cloud has: {known}; write one of those, or add it "
                "to accounts of AwsCloud"
            )
    return list(dict.fromkeys(accounts or those_of_cloud or [""]))


def _filters(
    tags: Mapping[str, str | list[str]], filters: Mapping[str, list[str]]
) -> list[dict[str, Any]]:
    by_tag = {
        f"tag:{name}": [value] if isinstance(value, str) else value for name, value in tags.items()
    }
    return [{"Name": name, "Values": values} for name, values in {**by_tag, **filters}.items()]
