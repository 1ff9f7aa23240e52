"""Run CPIDetector over the PMU, without and with a specification; print what it said, as JSON."""

import json
import os
import subprocess
import sys

ROOT = "/sys/fs/cgroup"
STATE = "/tmp/state.json"
CONFIG = f"""
runner: !DetectionRunner
  node: !StaticNode {{tasks: [victim, neighbour, idle]}}
  interval: 1s
  event_names: [task_cycles, task_instructions]
  metrics_storage: !LogStorage {{output_filename: /tmp/metrics.txt}}
  anomalies_storage: !LogStorage {{output_filename: /tmp/anomalies.txt}}
  records: /tmp/records.jsonl
  state: {STATE}
  detector: !CPIDetector
    period: 1s
    samples: 2
    outliers: 3
    window: 10s
    score: 0.2
    victims: {{task_name: victim}}
"""
#: Of a machine on which an instruction of the victim takes 0.8 cycles, give or take 0.05: for how
#: many samples it counts, the mean, the sum of squares.
FASTER = [1000.0, 0.8, 1000 * 0.05**2]


def run_agent():
    """Ten intervals; what the detector knew then, and the records of anomalies."""
    with open("/tmp/config.yaml", "w") as config:
        config.write(CONFIG)
    if os.path.exists("/tmp/records.jsonl"):
        os.unlink("/tmp/records.jsonl")
    command = [sys.executable, "-m", "wca", "run", "--root", "-c", config.name, "--iterations"]
    agent = subprocess.run([*command, "10"], capture_output=True, text=True, check=False)
    with open("/tmp/records.jsonl") as records:
        said = [json.loads(line) for line in records]
    with open(STATE) as state:
        known = json.load(state)
    return {"code": agent.returncode, "err": agent.stderr, "records": said, "state": known}


def main():
    os.umask(0o077)
    tasks = []
    for name in ("victim", "neighbour", "idle"):
        os.mkdir(f"{ROOT}/{name}")
    for name in ("victim", "neighbour"):
        task = subprocess.Popen([sys.executable, "-IS", "-c", "while True: pass"])
        with open(f"{ROOT}/{name}/cgroup.procs", "w") as members:
            members.write(str(task.pid))
        tasks.append(task)
    learned = run_agent()
    state = json.loads(json.dumps(learned["state"]))
    for name, (since, *_) in state["state"]["specs"].items():
        state["state"]["specs"][name] = [since, *FASTER]
    with open(STATE, "w") as file:
        json.dump(state, file)
    slower = run_agent()
    for task in tasks:
        task.kill()
        task.wait()
    print(json.dumps({"learned": learned, "slower": slower}))


main()
