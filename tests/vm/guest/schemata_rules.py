"""What the kernel answers to those who write to a schemata; asked of the real one and of our tree."""

import errno

#: L3 with eleven ways, memory bandwidth in steps of ten percent, both in domains 0 and 1.
ROWS = {
    "L3:0=f;1=3f": None,
    "L3:0=00f": None,
    "L3:0=F": None,
    "L3:0= 7": None,
    "L3:0=5": "EINVAL",
    "L3:0=0": "EINVAL",
    "L3:0=1000": "EINVAL",
    "L3:0=xyz": "EINVAL",
    "L3:7=f": "EINVAL",
    "L3:0": "EINVAL",
    "L2:0=f": "EINVAL",
    "L3CODE:0=f": "EINVAL",
    "MB:0=33": None,
    "MB:0=10;1=100": None,
    "MB:0=9": "EINVAL",
    "MB:0=101": "EINVAL",
    "L3:0=3\nMB:1=50": None,
    "": "EINVAL",
}


def rows_of(text):
    """The rows of a schemata without spaces and leading zeros."""
    rows = {}
    for line in text.split("\n"):
        name, _, rest = line.strip().partition(":")
        if name:
            parts = (part.split("=") for part in rest.split(";"))
            rows[name] = ";".join(
                f"{domain}={value.strip().lstrip('0')}" for domain, value in parts
            )
    return rows


def answers(write, read):
    """What comes of each write, and what is there then.

    Args:
        write: takes the text; raises OSError.
        read: gives the schemata.
    """
    seen = {}
    for text in ROWS:
        try:
            write(text + "\n")
            answer = None
        except OSError as error:
            answer = errno.errorcode[error.errno]
        seen[text] = [answer, rows_of(read())]
    return seen
