"""An agent that has fewer descriptors than it would like measures everything all the same."""

import resource
import subprocess
import sys

CONFIG = """
runner: !MeasurementRunner
  node: !StaticNode
    tasks: []
    directory: {directory}
  interval: 100ms
  discovery_interval: 300ms
  event_names: [task_clock_seconds, task_context_switches]
  metrics_storage: !LogStorage
    output_filename: {output}
    overwrite: true
"""
TASKS, LIMIT = 40, 256


def test_tasks_stay_and_files_are_written_although_descriptors_have_run_out(tmp_path, real_cgroups):
    for number in range(TASKS):
        real_cgroups.make(f"task{number}")
    output, config = tmp_path / "metrics.prom", tmp_path / "config.yaml"
    config.write_text(CONFIG.format(directory=real_cgroups.parent, output=output))
    config.chmod(0o600)
    done = subprocess.run(
        [sys.executable, "-m", "wca", "-c", config, "--root", "--iterations", "20"],
        capture_output=True,
        text=True,
        timeout=60,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (LIMIT, LIMIT)),
        check=False,
    )
    assert done.returncode == 0, done.stderr
    values = {
        line.partition("{")[0]: float(line.rpartition(" ")[2])
        for line in output.read_text().splitlines()
        if line.startswith(("wca_tasks{", "platform_ended_tasks{"))
    }
    assert values == {"wca_tasks": TASKS, "platform_ended_tasks": 0}
    assert output.read_text().count("task_mem_usage_bytes{") == TASKS
    assert "descriptors have run out" in done.stderr
    assert "metrics_storage fails" not in done.stderr
