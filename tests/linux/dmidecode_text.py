"""What dmidecode prints of memory modules, for tests."""

__all__ = ["ARRAY", "EMPTY", "GIB", "device"]

GIB = 1 << 30
ARRAY = """Physical Memory Array
\tLocation: System Board Or Motherboard
\tUse: System Memory
\tMaximum Capacity: 3 TB
\tNumber Of Devices: 12

"""
EMPTY = """Memory Device
\tTotal Width: Unknown
\tData Width: Unknown
\tSize: No Module Installed
\tForm Factor: DIMM
\tLocator: CPU1_DIMM_B2
\tType: Unknown
\tType Detail: Unknown
\tSpeed: Unknown

"""


def device(size="16 GB", type_="DDR4", **fields):
    """One section, with the fields that dmidecode 3.4 prints."""
    rows = {
        "Total Width": "72 bits",
        "Data Width": "64 bits",
        "Size": size,
        "Form Factor": "DIMM",
        "Locator": "CPU1_DIMM_A1",
        "Bank Locator": "NODE 1",
        "Type": type_,
        "Type Detail": "Synchronous Registered (Buffered)",
        "Speed": "3200 MT/s",
        "Manufacturer": "Example",
        "Rank": "2",
        "Configured Memory Speed": "2933 MT/s",
        "Memory Technology": "DRAM",
        "Volatile Size": size,
        "Cache Size": "None",
    }
    rows |= {key.replace("_", " "): value for key, value in fields.items()}
    text = "".join(f"\t{key}: {value}\n" for key, value in rows.items() if value is not None)
    return f"Memory Device\n{text}\n"
