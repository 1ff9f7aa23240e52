"""What an agent that writes a text file must not import."""

import subprocess
import sys

HEAVY = [
    *("kafka", "requests", "boto3", "apscheduler", "opentelemetry", "rich", "psutil", "asyncio"),
    # Five MiB together; the agent needs them only for what a few configurations ask for.
    *("ctypes", "hashlib", "ssl", "subprocess", "wca.linux.perf.tables"),
]


def test_an_agent_that_writes_text_imports_no_heavy_library(tmp_path):
    config = tmp_path / "config.yaml"
    config.write_text("runner: !MeasurementRunner\n  node: !StaticNode\n    tasks: []\n")
    config.chmod(0o600)
    script = (
        "import sys, wca.main; "
        f"code = wca.main.main(['--once', '--root', '-c', {str(config)!r}]); "
        f"print([name for name in {HEAVY} if name in sys.modules], file=sys.stderr); "
        "sys.exit(code)"
    )
    result = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    assert result.stderr.splitlines()[-1] == "[]"
    assert "wca_up" in result.stdout
