"""What the kernel answers to those who write to resctrl; asked of the real one and of our tree."""

import errno

from wca.errors import NotAvailable, TargetGone
from wca.linux.resctrl.tree import find_resctrl
from wca.linux.resctrl.values import Place

#: 32 numbers of monitoring groups of which one is the root's, 8 of control groups.
ANSWERS = {
    "a control group": True,
    "the same again": False,
    "a monitoring group in it": True,
    "a monitoring group of the root": True,
    "a group below a control group": "EPERM",
    "a group named mon_groups": "EPERM",
    "a name with the end of a line": "EINVAL",
    "a group in a group that is not there": "ENOENT",
    "a thread into the control group": [],
    "a thread into its monitoring group": [],
    "two threads, of which one is in another control group": ["EINVAL"],
    "where the first is": ["gold", "wca-x"],
    "where the second is": ["", ""],
    "who is in the control group": 1,
    "a thread that is not there": ["ESRCH"],
    "tasks of a group that is not there": "ENOENT",
    "a counter says a number": True,
    "removing a monitoring group": None,
    "its open file": "TargetGone",
    "where the first is then": ["gold", ""],
    "removing it again": "ENOENT",
    "removing the control group": None,
    "where the first is in the end": ["", ""],
    "control groups until there are no more": [7, "ENOSPC"],
    "monitoring groups then": "EBUSY",
}


def answer(call, *arguments):
    """What a call gives: its value, or the name of what it raises."""
    try:
        value = call(*arguments)
    except OSError as error:
        return errno.errorcode[error.errno]
    except (NotAvailable, TargetGone) as error:
        return type(error).__name__
    if isinstance(value, list):
        return [errno.errorcode[error.errno] for error in value]
    return value


def fill(files, folder):
    """How many groups can be made, and what is answered then."""
    for number in range(100):
        made = answer(files.make, f"{folder}/filler{number}")
        if made is not True:
            return [number, made]
    return None


def where(resctrl, thread):
    """The groups of a thread."""
    place = resctrl.place_of(thread)
    return [place.control, place.monitoring]


def answers(files, first, second):
    """Ask the kernel. All groups of monitoring are used up afterwards.

    Args:
        files: with nothing but the root group.
        first: a thread.
        second: another one.
    """
    resctrl = find_resctrl(files)
    top = resctrl.point
    gold, ours = f"{top}/gold", resctrl.folder(Place("gold", "wca-x"))
    seen = {}
    seen["a control group"] = answer(files.make, gold)
    seen["the same again"] = answer(files.make, gold)
    seen["a monitoring group in it"] = answer(files.make, ours)
    seen["a monitoring group of the root"] = answer(files.make, f"{top}/mon_groups/wca-y")
    seen["a group below a control group"] = answer(files.make, f"{gold}/x")
    seen["a group named mon_groups"] = answer(files.make, f"{gold}/mon_groups/mon_groups")
    seen["a name with the end of a line"] = answer(files.make, f"{gold}/mon_groups/a\nb")
    seen["a group in a group that is not there"] = answer(files.make, f"{top}/no/mon_groups/a")
    seen["a thread into the control group"] = answer(files.write_each, f"{gold}/tasks", [first])
    seen["a thread into its monitoring group"] = answer(files.write_each, f"{ours}/tasks", [first])
    seen["two threads, of which one is in another control group"] = answer(
        files.write_each, f"{ours}/tasks", [second, first]
    )
    seen["where the first is"] = where(resctrl, first)
    seen["where the second is"] = where(resctrl, second)
    seen["who is in the control group"] = len(resctrl.threads(Place("gold", "")) or ())
    seen["a thread that is not there"] = answer(files.write_each, f"{ours}/tasks", [4194303])
    seen["tasks of a group that is not there"] = answer(
        files.write_each, f"{top}/no/tasks", [first]
    )
    counter = files.open(f"{ours}/mon_data/mon_L3_00/llc_occupancy")
    seen["a counter says a number"] = counter.read().strip().isdigit()
    seen["removing a monitoring group"] = answer(files.remove, ours)
    seen["its open file"] = answer(counter.read)
    counter.close()
    seen["where the first is then"] = where(resctrl, first)
    seen["removing it again"] = answer(files.remove, ours)
    seen["removing the control group"] = answer(files.remove, gold)
    seen["where the first is in the end"] = where(resctrl, first)
    seen["control groups until there are no more"] = fill(files, top)
    fill(files, f"{top}/mon_groups")
    seen["monitoring groups then"] = answer(files.make, f"{top}/mon_groups/one-more")
    return seen
