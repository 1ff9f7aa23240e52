"""What AWS refuses of PutMetricData."""

import math

DAY = 86_400
MOST_DATUMS, MOST_BYTES, MOST_DIMENSIONS = 1000, 1_048_576, 30
UNITS = {
    "Seconds",
    "Microseconds",
    "Milliseconds",
    "Percent",
    "Count",
    "Count/Second",
    "None",
    *(
        f"{size}{what}{per}"
        for size in ("", "Kilo", "Mega", "Giga", "Tera")
        for what in ("Bytes", "Bits")
        for per in ("", "/Second")
    ),
}
UNITS = {unit if unit[0].isupper() else unit.capitalize() for unit in UNITS}
UNITS |= {
    unit.replace("Bytes", "bytes").replace("Bits", "bits") for unit in UNITS if unit[0] in "KMGT"
}


def problem_of_write(arguments, size, now):
    """What AWS has against a request, as code and message; None: nothing."""
    if size > MOST_BYTES:
        return "RequestEntityTooLarge", f"{size} bytes"
    namespace, data = arguments.get("Namespace", ""), arguments.get("MetricData", [])
    if not namespace or len(namespace) > 255 or namespace.startswith((":", "AWS/")):
        return "InvalidParameterValue", f"namespace {namespace!r}"
    if not 0 < len(data) <= MOST_DATUMS:
        return "InvalidParameterValue", f"{len(data)} data"
    for datum in data:
        problem = _problem_of_datum(datum, now)
        if problem:
            return "InvalidParameterValue", problem
    return None


def _problem_of_datum(datum, now):
    name = datum.get("MetricName", "")
    dimensions = datum.get("Dimensions", [])
    names = [one["Name"] for one in dimensions]
    statistics = datum.get("StatisticValues", {})
    values = [datum[key] for key in ("Value",) if key in datum]
    values += [*statistics.values(), *datum.get("Values", ())]
    checks = {
        "name": 0 < len(name) <= 255 and name.isascii() and not name.startswith(":"),
        "number of dimensions": len(dimensions) <= MOST_DIMENSIONS
        and len(set(names)) == len(names),
        "dimensions": all(
            0 < len(one["Name"]) <= 255
            and not one["Name"].startswith(":")
            and 0 < len(one["Value"]) <= 1024
            and (one["Name"] + one["Value"]).isascii()
            for one in dimensions
        ),
        "one kind of value": ("Value" in datum) + bool(statistics) + ("Values" in datum) == 1,
        "statistics": not statistics
        or set(statistics) == {"SampleCount", "Sum", "Minimum", "Maximum"},
        "number of values": len(datum.get("Values", ())) <= 150,
        "values": all(math.isfinite(one) and abs(one) <= 2.0**360 for one in values),
        "time": now - 14 * DAY <= float(datum.get("Timestamp", now)) <= now + 7200,
        "unit": datum.get("Unit", "None") in UNITS,
        "resolution": datum.get("StorageResolution", 60) in (1, 60),
    }
    return next((f"{what} of {name!r}" for what, good in checks.items() if not good), None)
