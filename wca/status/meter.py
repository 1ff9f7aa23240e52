"""How fast counters grow."""

from collections.abc import Mapping

__all__ = ["Meter"]


class Meter:
    """The growth per second of some counters, between the last two readings of each.

    A counter that was not read anew keeps its rate. One that has gone back has begun anew: it has
    no rate until it is read again.
    """

    __slots__ = ("_rates", "_seen")

    def __init__(self) -> None:
        #: Of each counter: when it was read, as was told, the real time of that, and its value.
        self._seen: dict[str, tuple[float, float, float]] = {}
        self._rates: dict[str, float] = {}

    def rates(
        self, counters: Mapping[str, float], read_at: Mapping[str, float], now: float
    ) -> Mapping[str, float]:
        """What each counter that has a rate grows by in a second.

        Args:
            counters: by name.
            read_at: monotonic time at which each of them was read last, in seconds.
            now: monotonic time; one that is new was read just now, whatever ``read_at`` says.
        """
        rates: dict[str, float] = {}
        for name, value in counters.items():
            told = read_at[name]
            seen = self._seen.get(name)
            if seen is None:
                self._seen[name] = (told, now, value)
            elif seen[0] == told:
                if name in self._rates:
                    rates[name] = self._rates[name]
            else:
                if value >= seen[2] and told > seen[1]:
                    rates[name] = (value - seen[2]) / (told - seen[1])
                self._seen[name] = (told, told, value)
        self._rates = rates
        return rates
