"""Hypothesis strategies of metrics, good and bad."""

from hypothesis import strategies as st

from wca.metrics import Metric

#: Any text a label may have, surrogates included.
label_values = st.text(st.characters(exclude_categories=()), max_size=12) | st.sampled_from(
    [
        "",
        "\n",
        "\\",
        '"',
        "\\n",
        '\\"',
        "a,b=c}",
        "{}",
        "\r",
        "\x85",
        "\u2028",
        "\0",
        "\ud800",
        "9",
        "%",
        "%s%%",
    ]
)
label_names = st.from_regex(r"[a-zA-Z_][a-zA-Z0-9_]{0,5}", fullmatch=True).filter(
    lambda name: not name.startswith("__")
)
labels = st.dictionaries(label_names, label_values, max_size=4)
names = st.from_regex(r"[a-zA-Z_][a-zA-Z0-9_]{0,8}", fullmatch=True).map(lambda name: f"m_{name}x")
numbers = st.integers() | st.floats() | st.booleans()
helps = st.none() | st.text(st.characters(exclude_categories=()), max_size=12)
times = st.none() | st.floats(0, 4e9) | st.integers(0, 4 * 10**9)
good = st.builds(Metric, names, numbers, labels, st.sampled_from([None, "gauge"]), helps)

bad_labels = st.sampled_from(
    [{"a-b": "x"}, {"__a": "x"}, {"a": 5}, {5: "a"}, None, {"a": None}, {"a\n": ""}]
)
odd = st.builds(
    Metric,
    st.sampled_from(["a", "b", "c", "b-d", "", 5]),
    numbers | st.sampled_from([None, "1", 10**400]),
    labels | bad_labels,
    st.sampled_from([None, "gauge", "counter", "histogram"]),
    helps | st.just(5),
    timestamp=times | st.sampled_from([float("nan"), 1e300, "1"]),
)
