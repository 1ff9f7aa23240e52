"""Apache Kafka as its jars, fetched with Maven once and kept."""

import contextlib
import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from tests.services import missing, program

HERE = Path(__file__).parent
PROJECT = HERE.parents[1]
SOURCES = (HERE / "pom.xml", HERE / "ReadTopic.java")


def classpath():
    """The classpath of a broker, its tools and ``ReadTopic``; made where there is none yet."""
    for name, package in (("java", "default-jre"), ("javac", "default-jdk"), ("mvn", "maven")):
        program(name, package=package)
    stamp = hashlib.sha256(b"".join(path.read_bytes() for path in SOURCES)).hexdigest()[:16]
    folder = PROJECT / ".cache" / "kafka" / stamp
    if not folder.exists():
        make(folder)
    return f"{folder}/*:{folder}"


def make(folder):
    """Fetch and compile beside the folder's place, then put it there as a whole."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(dir=folder.parent))
    try:
        fetch = ["mvn", "-q", "-B", "dependency:copy-dependencies", "-DincludeScope=runtime"]
        call([*fetch, "-f", HERE / "pom.xml", f"-DoutputDirectory={unfinished}"])
        call(["javac", "-cp", f"{unfinished}/*", "-d", unfinished, HERE / "ReadTopic.java"])
        with contextlib.suppress(OSError):  # another process was faster: its folder is as good
            os.replace(unfinished, folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def call(command):
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    if done.returncode:
        missing(f"Apache Kafka could not be had: {command[0]} said {done.stdout}{done.stderr}")
