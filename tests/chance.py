"""Chance that can be had again: a test prints the seed, and takes one from the environment."""

import os
import random

#: Kills of the long runs.
KILLS = int(os.environ.get("WCA_KILLS", "100"))


class Chance(random.Random):
    """Random numbers; ``WCA_SEED`` gives those of an earlier run."""

    def __init__(self):
        self.start = int(os.environ.get("WCA_SEED") or random.randrange(10**6))
        super().__init__(self.start)
        print(f"to have the same again: WCA_SEED={self.start}")  # shown where the test fails
