"""What AWS refuses of reads of EC2 and CloudWatch."""

import re

#: Sources: API references of DescribeInstanceStatus, DescribeInstances, GetMetricData, ListMetrics.
MOST_IDS, MOST_QUERIES = 100, 500
QUERY_ID = re.compile(r"[a-z][A-Za-z0-9_]*")
INSTANCE_ID = re.compile(r"i-([0-9a-f]{8}|[0-9a-f]{17})")
STATISTICS = {"Average", "Minimum", "Maximum", "Sum", "SampleCount"}
SHORT_PERIODS = {1, 5, 10, 20, 30}


def listed(arguments, name):
    """The values of a list of EC2's protocol: ``InstanceId.1``, ``InstanceId.2``."""
    return [value for key, value in arguments.items() if re.fullmatch(rf"{name}\.\d+", key)]


def problem_of_read(action, arguments):
    """What AWS has against a read, as code and message; None: nothing."""
    if action in ("DescribeInstanceStatus", "DescribeInstances"):
        return _of_instances(action, arguments)
    if action == "GetMetricData":
        return _of_metric_data(arguments)
    if action == "ListMetrics" and arguments.get("RecentlyActive", "PT3H") != "PT3H":
        return "InvalidParameterValue", "RecentlyActive is PT3H or nothing"
    return None


def _of_instances(action, arguments):
    ids = listed(arguments, "InstanceId")
    page = arguments.get("MaxResults")
    if page is not None and ids:
        return "InvalidParameterCombination", "MaxResults and InstanceIds exclude each other"
    if page is not None and not 5 <= int(page) <= 1000:
        return "InvalidParameterValue", f"MaxResults {page}"
    if action == "DescribeInstanceStatus" and len(ids) > MOST_IDS:
        return "InvalidParameterValue", f"{len(ids)} ids"
    bad = next((id_ for id_ in ids if not INSTANCE_ID.fullmatch(id_)), None)
    return None if bad is None else ("InvalidInstanceID.Malformed", f'Invalid id: "{bad}"')


def _of_metric_data(arguments):
    queries = arguments.get("MetricDataQueries", [])
    ids = [query.get("Id", "") for query in queries]
    if not 0 < len(queries) <= MOST_QUERIES:
        return "ValidationError", f"{len(queries)} queries"
    if len(set(ids)) < len(ids) or not all(map(QUERY_ID.fullmatch, ids)):
        return "ValidationError", "the ids of the queries"
    if arguments["StartTime"] >= arguments["EndTime"]:
        return "ValidationError", "the start is not before the end"
    for query in queries:
        stat = query["MetricStat"]
        period = stat["Period"]
        if period < 1 or (period % 60 and period not in SHORT_PERIODS):
            return "ValidationError", f"period {period}"
        if stat["Stat"] not in STATISTICS:
            return "ValidationError", f"statistic {stat['Stat']} (percentiles are not tested here)"
    return None
