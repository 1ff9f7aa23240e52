"""Workers whose conditions change as soon as a receiver was told of the change before."""

import time
from itertools import pairwise

import boto3

REGION = "eu-west-1"
#: What is watched, of how many workers, and the rule of each: two of each kind, so that one may
#: change while the receiver has not been told of the other.
KINDS = ("cpu", "checks", "stop") * 2
RULES = {"cpu": "cpu above 90", "checks": "status check", "stop": "stopped"}


class Watched:
    """Workers, each with one condition; ``step`` changes those that the receiver knows of.

    Args:
        aws: where they are.
        ids: of their instances: one for each of KINDS, one that changes without waiting for
            anybody, and one that ends.
        chance: how long a condition lasts after the receiver was told.
    """

    def __init__(self, aws, ids, chance):
        self._aws = aws
        self._ec2 = boto3.client("ec2", region_name=REGION)
        self._chance = chance
        self.kinds = dict(zip(ids, KINDS, strict=False))
        self.hasty, self.mortal = ids[len(KINDS) :]
        #: How often the condition of each has changed, and when it may change again.
        self.changes = dict.fromkeys(self.kinds, 0)
        self._due = dict.fromkeys(ids, 0.0)
        self._hot = False
        for id_ in ids:
            self._cpu(id_, hot=False)

    def close(self):
        self._ec2.close()

    def step(self, heard):
        """Change what the receiver was told of, some time after that.

        Args:
            heard: by worker, the states of which the receiver was told.
        """
        now = time.monotonic()
        for id_ in self.kinds:
            if len(heard.get(id_, ())) < self.changes[id_]:
                self._due[id_] = now + self._chance.uniform(0, 1)
            elif now > self._due[id_]:
                self.changes[id_] += 1
                self._change(id_, trouble=self.changes[id_] % 2 == 1)
        if now > self._due[self.hasty]:
            self._due[self.hasty] = now + self._chance.uniform(0.2, 3)
            self._hot = not self._hot
            self._cpu(self.hasty, hot=self._hot)

    def end_one(self):
        self._ec2.terminate_instances(InstanceIds=[self.mortal])

    def problems(self, heard):
        """What the receiver was not told, or wrongly, once all is quiet: sentences.

        Args:
            heard: by worker, the states of which it was told.
        """
        expected = {id_: turns(count) for id_, count in self.changes.items()}
        expected[self.mortal] = turns(1)  # which goes on for an hour
        expected[self.hasty] = turns(2 * (len(heard.get(self.hasty, ())) // 2) + self._hot)
        return [
            f"{id_}: expected {states}, got {heard.get(id_, [])}"
            for id_, states in expected.items()
            if heard.get(id_, []) != states
        ]

    def _change(self, id_, trouble):
        kind = self.kinds[id_]
        if kind == "cpu":
            self._cpu(id_, hot=trouble)
        elif kind == "checks":
            self._aws.ec2.checks[id_] = {"instance": "impaired" if trouble else "ok"}
        elif trouble:
            self._ec2.stop_instances(InstanceIds=[id_])
        else:
            self._ec2.start_instances(InstanceIds=[id_])

    def _cpu(self, id_, hot):
        begin = time.time() // 300 * 300
        points = [(begin - 300 * back, 95.0 if hot else 10.0) for back in range(-1, 3)]
        metric = (REGION, "AWS/EC2", "CPUUtilization", {"InstanceId": id_})
        self._aws.cloudwatch.seed(*metric, points, anew=True)


def turns(count):
    """States of an alert that fires and is over in turns."""
    return (["firing", "resolved"] * count)[:count]


def heard(taken):
    """By worker, the states of the events that were taken, each event once."""
    seen, found = set(), {}
    for one in taken:
        if one.id not in seen:
            seen.add(one.id)
            found.setdefault(one.worker, []).append(one.state)
    return found


def doubled(taken):
    """Pairs of one event that was taken twice: one after the other."""
    by_id = {}
    for one in taken:
        by_id.setdefault(one.id, []).append(one)
    return [pair for times in by_id.values() for pair in pairwise(times)]


def unexplained(taken, kills):
    """Those of the pairs for which neither a lost answer nor a kill is the reason.

    Args:
        taken: all that was taken.
        kills: when the agent was killed, as times of the monotonic clock.
    """
    return [
        (first, again)
        for first, again in doubled(taken)
        if first.answered and not any(first.at < kill < again.at for kill in kills)
    ]
