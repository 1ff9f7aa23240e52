"""Bugs that other agents had, written into our code one at a time, and the test that has to notice.

Each is a replacement in the source of one module, made while it is imported (``mutated``).
"""

from dataclasses import dataclass

__all__ = ["CONTROL", "MUTANTS", "Mutant"]

MACHINE = "test_gate_machine.py"
GATE = "test_gate.py"
KNOBS = "test_knobs.py::test_a_value_is_what_the_kernel_gives_back_for_it"
CHANGES = "test_changes.py"
ENVELOPE = "test_envelope.py"
JOURNAL = "test_journal_machine.py"


@dataclass(frozen=True)
class Mutant:
    """One bug.

    Args:
        name: what is wrong.
        like: whose bug it was: an agent, or a row of the register of the first releases.
        module: that has it now.
        right: the source, which is there once.
        wrong: what it becomes.
        test: that notices.
    """

    name: str
    like: str
    module: str
    right: str
    wrong: str
    test: str


def mutant(name, like, module, right, wrong, test):
    module = module if module.startswith("wca.") else f"wca.allocations.{module}"
    return Mutant(name, like, module, right, wrong, test)


#: No bug at all: every test passes.
CONTROL = mutant("none", "", "undo", "return entry.implied and", "return entry.implied and", "")

MUTANTS = [
    # Units times 1000, as koordlet's MemoryEvict.
    mutant(
        "bytes as thousands of bytes",
        "koordlet",
        "encoding",
        "str(size // machine.page_size * machine.page_size)",
        "str(size * 1000 // machine.page_size * machine.page_size)",
        KNOBS,
    ),
    mutant(
        "a quota in nanoseconds",
        "koordlet",
        "encoding",
        "round(share * machine.period * machine.cpus)",
        "round(share * machine.period * machine.cpus * 1000)",
        KNOBS,
    ),
    # The period of one millisecond of the first releases: nothing below one CPU.
    mutant(
        "a period in milliseconds",
        "WCA",
        "wca.allocators.api",
        "cpu_quota_period: Annotated[int, _PERIOD] = 100_000",
        "cpu_quota_period: Annotated[int, _PERIOD] = 1000",
        "../runners/test_allocation.py::test_half_a_cpu_can_be_granted_without_a_word_about_the_period",
    ),
    # XOR for a power, as Caelus.
    mutant("2 ^ 20 for a mebibyte", "Caelus", "envelope", "1 << 20", "2 ^ 20", MACHINE),
    mutant("2 ^ 63 for no limit", "Caelus", "encoding", "(1 << 63) - 1", "(2 ^ 63) - 1", KNOBS),
    # A missing division by 100, as Crane's MinCPURatio.
    mutant(
        "a step in percent taken for a share",
        "Crane",
        "envelope",
        "step = (self.grow_step if ask.grows else self.shrink_step) * ask.now",
        "step = 100 * (self.grow_step if ask.grows else self.shrink_step) * ask.now",
        MACHINE,
    ),
    mutant(
        "a weight not divided by that of everybody",
        "Crane",
        "encoding",
        "round(weight * _DEFAULT_SHARES / _DEFAULT_WEIGHT)",
        "round(weight * _DEFAULT_SHARES)",
        KNOBS,
    ),
    # The wrong list in a loop that restores, as Crane's restorePods.
    mutant(
        "taking back what was done of others",
        "Crane",
        "gate",
        "self._take_back(mine)",
        "self._take_back(done)",
        MACHINE,
    ),
    mutant(
        "taking back what was not done yet",
        "Crane",
        "gate",
        "mine = [one for one in done if whole",
        "mine = [one for one in writes if whole",
        GATE,
    ),
    mutant(
        "restoring the first of all only",
        "Crane",
        "journal",
        "in_turns(quick_first, undo_one)",
        "in_turns(quick_first[:1], undo_one)",
        MACHINE,
    ),
    # Durations that are divided as integers, as in oomd's Senpai.
    mutant(
        "a pause in whole minutes",
        "oomd",
        "envelope",
        "self.shrink_pause = shrink_pause",
        "self.shrink_pause = shrink_pause // 60 * 60",
        MACHINE,
    ),
    mutant(
        "an age in whole minutes",
        "oomd",
        "envelope",
        "return now - self._last.get(ask.what, -math.inf)",
        "return -((self._last.get(ask.what, -math.inf) - now) // 60) * 60",
        MACHINE,
    ),
    mutant(
        "a lease in whole minutes",
        "oomd",
        "journal",
        "return self._monotonic() + left",
        "return self._monotonic() + left // 60 * 60",
        JOURNAL,
    ),
    # Two writers that fight for one file, as koordinator #2306.
    mutant(
        "two requests for one file, both written",
        "koordinator",
        "changes",
        "if other is not None:",
        "if False:",
        MACHINE,
    ),
    mutant(
        "writing over what somebody else has just written",
        "koordinator",
        "gate",
        "if there != write.old:",
        "if False:",
        GATE,
    ),
    mutant(
        "writing over what somebody else has written since",
        "koordinator",
        "performer",
        '("foreign" if theirs else None)',
        "None",
        MACHINE,
    ),
    mutant(
        "undoing what somebody else has written",
        "koordinator",
        "undo",
        "if not is_ours(entry, current):",
        "if False:",
        MACHINE,
    ),
    # A1: an absolute tolerance on what is normalised.
    mutant(
        "a small change is none",
        "A1",
        "request",
        "return any(self.current[one.path] != one.new for one in self.wanted.changes)",
        "return self.now is None or abs(self.amount - self.now) > 0.05",
        MACHINE,
    ),
    mutant(
        "a file that differs little is left",
        "A1",
        "changes",
        "if old != change.new",
        "if old != change.new and not (\n"
        "            old.isdigit() and abs(int(old) - int(change.new)) < 0.05 * int(old)\n"
        "        )",
        MACHINE,
    ),
    # A3: what the kernel refuses ends the agent, or leaves half of it.
    mutant(
        "a refused write ends the agent",
        "A3",
        "gate",
        "        except OSError as error:\n            self._late = None\n            self._settle(write, FAILED)",
        "        except ZeroDivisionError as error:\n            self._late = None\n            self._settle(write, FAILED)",
        MACHINE,
    ),
    mutant(
        "a request that cannot be made ends the agent",
        "A3",
        "performer",
        """except Refused as error:
            _refused(result, str(error))
            return None
        except Exception as error:""",
        """except ZeroDivisionError as error:
            _refused(result, str(error))
            return None
        except ZeroDivisionError as error:""",
        MACHINE,
    ),
    mutant(
        "half of a request stays",
        "A3",
        "gate",
        "failed[key] += self._take_back(mine)",
        "pass",
        GATE,
    ),
    # R1: what was rounded is thrown away. R3: of two definitions one wins, both are reported.
    mutant(
        "the rounded value is thrown away",
        "R1",
        "encoding",
        "str(size // machine.page_size * machine.page_size)",
        "str(size)",
        KNOBS,
    ),
    mutant(
        "who loses a file is reported as applied",
        "R3",
        "performer",
        "for key, other in planned.conflicts.items()",
        "for key, other in ()",
        MACHINE,
    ),
    mutant(
        "what the kernel made something else of is reported as applied",
        "R4",
        "gate",
        "if there == write.new:",
        "if True:",
        GATE,
    ),
    # resctrl: R1, R2, R3, R5, R6, R8 and R9 of the register.
    mutant(
        "a rounded number of resctrl is thrown away",
        "R1",
        "resctrl.control",
        "            return base | {domain: kind.checked(domain, asked[domain]) for domain in asked}",
        "            {domain: kind.checked(domain, asked[domain]) for domain in asked}\n"
        "            return base | dict(asked)",
        "test_rdt.py",
    ),
    mutant(
        "groups are counted without those that are there",
        "R2",
        "resctrl.rules",
        "if len(others | {*(dict(current) | granted).values()}) <= most or not news:",
        "if len(set(granted.values())) <= most or not news:",
        "test_rdt_rows.py",
    ),
    mutant(
        "two that want different rows of one group are both served",
        "R3",
        "resctrl.rules",
        "                return other\n",
        "                pass\n",
        "test_rdt_rows.py",
    ),
    mutant(
        "groups of others are removed with ours",
        "R5",
        "resctrl.opening",
        ".startswith(PREFIX)",
        '.startswith("")',
        "test_rdt.py",
    ),
    mutant(
        "100 is no limit whatever the unit",
        "R6",
        "resctrl.control",
        'return 100 if self.unit == "percent" else root',
        "return 100",
        "test_rdt_machines.py",
    ),
    mutant(
        "the first thread that is refused keeps the others",
        "R8",
        "resctrl.threads",
        "failure = explained(",
        "raise explained(",
        "test_rdt.py",
    ),
    mutant(
        "a mask with a gap is refused where it is taken",
        "R9",
        "resctrl.control",
        "if not self.sparse and value",
        "if value",
        "test_rdt_rows.py",
    ),
    # What the promises of docs/safety.md rest on.
    mutant(
        "written before it is in the journal",
        "safety",
        "gate",
        "            self._journal.intend(write, self._owner, self._expires())",
        "            self._files.write(write.path, write.new)\n"
        "            self._journal.intend(write, self._owner, self._expires())",
        MACHINE,
    ),
    mutant(
        "the group is another one now",
        "safety",
        "gate",
        "if self._files.inode(folder) != inode:",
        "if False:",
        GATE,
    ),
    mutant(
        "taken back in the order of writing",
        "safety",
        "changes",
        "for one in reversed(writes)]",
        "for one in writes]",
        CHANGES,
    ),
    mutant(
        "parents shrink before their children",
        "safety",
        "changes",
        "return 0, -depth, rank, place",
        "return 0, depth, rank, place",
        CHANGES,
    ),
    mutant(
        "not acting acts",
        "safety",
        "performer",
        "        if self._policy.act:\n",
        "        if True:\n",
        "../runners/test_allocation.py::test_nothing_is_written_unless_the_file_says_so",
    ),
    mutant(
        "a hold that is not looked at",
        "safety",
        "performer",
        'clause = held or ("foreign"',
        'clause = ("foreign"',
        MACHINE,
    ),
    mutant(
        "a protected task is like any other",
        "safety",
        "envelope",
        'return "protected"',
        "pass",
        MACHINE,
    ),
    mutant(
        "one decision more than allowed",
        "safety",
        "envelope",
        ">= self.decisions_per_day",
        "> self.decisions_per_day",
        ENVELOPE,
    ),
    mutant(
        "the default after the idle class is taken for somebody's",
        "safety",
        "undo",
        "return entry.implied and",
        "return False and",
        JOURNAL,
    ),
    mutant(
        "the lease of a dead agent never ends",
        "safety",
        "journal",
        "ends = not only_expired or entry.undoing or entry.expires <= moment",
        "ends = not only_expired or entry.undoing",
        JOURNAL,
    ),
    mutant(
        "the first value is that of the last write",
        "safety",
        "ledger",
        "        original=known.original,\n",
        "",
        JOURNAL,
    ),
]
