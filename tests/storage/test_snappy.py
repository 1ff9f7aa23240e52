"""Snappy with and without the library."""

import subprocess
import sys

import cramjam
from hypothesis import given
from hypothesis import strategies as st

from wca.storage.encoding.protobuf import snappy

data = st.binary(max_size=2000) | st.integers(0, 200_000).map(
    lambda size: bytes(range(256)) * (size // 256) + b"x" * (size % 256)
)


@given(data)
def test_what_is_compressed_is_the_same_again(original):
    assert bytes(cramjam.snappy.decompress_raw(snappy.compress(original))) == original


@given(data)
def test_without_compression_it_is_snappy_all_the_same(original):
    written = snappy.literal(original)
    assert bytes(cramjam.snappy.decompress_raw(written)) == original
    assert len(written) <= len(original) + 10 + 3 * (len(original) // 65536 + 1)


def test_the_library_is_used_where_it_is_installed():
    assert snappy.compresses()
    assert len(snappy.compress(b"abc" * 1000)) < 300


def test_an_agent_without_the_library_writes_snappy_nevertheless():
    script = (
        "import sys; sys.modules['cramjam'] = None\n"
        "from wca.storage.encoding.protobuf import snappy\n"
        "assert not snappy.compresses()\n"
        "sys.stdout.buffer.write(snappy.compress(b'abc' * 1000))\n"
    )
    written = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True).stdout
    assert bytes(cramjam.snappy.decompress_raw(written)) == b"abc" * 1000
