"""An AWS account whose instances are watched."""

import re
from dataclasses import dataclass, field
from typing import Annotated

from wca.config.types import Secret, Str
from wca.errors import ValidationError

__all__ = ["AwsAccount", "by_name"]

_ROLE = re.compile(r"arn:aws[a-z-]*:iam::[0-9]{12}:role/[\w+=,.@/-]+", re.ASCII)


@dataclass(frozen=True)
class AwsAccount:
    """An account, and how the agent gets into it.

    Args:
        name: what its workers and this agent's messages call it.
        role_arn: of the role to assume there; left out: the agent's own credentials are used.
        external_id: which the role's trust policy asks for.

    Raises:
        ValidationError: the name is empty or has a slash, or the role is not the ARN of a role.
    """

    name: Annotated[str, Str(64)]
    role_arn: Annotated[str, Str(2048)] | None = None
    external_id: Annotated[str, Secret()] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if not self.name or "/" in self.name:
            raise ValidationError(f"name is a word without a slash, got {self.name!r}")
        if self.role_arn is not None and not _ROLE.fullmatch(self.role_arn):
            raise ValidationError(
                f"role_arn is like arn:aws:iam::111111111111:role/wca, got {self.role_arn!r}"
            )


def by_name(accounts: list[AwsAccount] | None) -> dict[str, AwsAccount | None]:
    """Accounts by their names; with the nameless one of the agent's own credentials.

    Raises:
        ValidationError: two have one name.
    """
    found: dict[str, AwsAccount | None] = {"": None}
    for account in accounts or ():
        if account.name in found:
            raise ValidationError(f"two accounts are named {account.name!r}: rename one of them")
        found[account.name] = account
    return found
