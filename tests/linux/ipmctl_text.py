"""What ipmctl prints of Optane modules, for tests: version 1, and the table of later ones."""

__all__ = ["NO_REGIONS", "REGIONS", "TABLE", "VERSION_1", "modules"]

VERSION_1 = """
Capacity=541165879296 B
MemoryCapacity=107374182400 B
AppDirectCapacity=433791696896 B
UnconfiguredCapacity=0 B
InaccessibleCapacity=0 B
ReservedCapacity=0 B

"""
TABLE = """
 MemoryType   | DDR            | PMemModule      | Total
==================================================================
 Volatile     | 0 B            | 2173253451776 B | 2173253451776 B
 AppDirect    | -              | 0 B             | 0 B
 Cache        | 549755813888 B | -               | 549755813888 B
 Inaccessible | 0 B            | 6307159572 B    | 6307159572 B
 Physical     | 549755813888 B | 2179560611348 B | 2729316425236 B

"""
REGIONS = """
---ISetID=0x5876eeb8014a2444---
   SocketID=0x0000
   PersistentMemoryType=AppDirect
   Capacity=200000000000 B
   FreeCapacity=0 B
   HealthState=Healthy
   DimmID=0x0001, 0x0101
---ISetID=0x4e66eeb83e4c2444---
   SocketID=0x0001
   PersistentMemoryType=AppDirect
   Capacity=200000000000 B
   FreeCapacity=0 B
   HealthState=Healthy
   DimmID=0x1001, 0x1101

"""
NO_REGIONS = "\nThere are no Regions defined in the system.\n\n"
IDS = {0: ("0x0001", "0x0101"), 1: ("0x1001", "0x1101")}


def modules(capacity="100000000000 B", power="15000 mW", key="AvgPowerBudget", ids=None):
    """Two modules on each of two sockets."""
    return "\n" + "".join(
        f"---DimmID={one}---\n   Capacity={capacity}\n   SocketID=0x{socket:04x}\n"
        f"   {key}={power}\n"
        for socket, numbers in (ids or IDS).items()
        for one in numbers
    )
