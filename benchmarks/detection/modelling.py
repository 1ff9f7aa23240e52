"""A model of a corpus, for ``ModelDetector`` to be judged on another one."""

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.detection.corpus import Corpus
from wca.detectors.modelling.file import encode_model
from wca.detectors.modelling.model import Parameters
from wca.recording import read_recording
from wca.recording.labels import read_episodes
from wca.training import Source, train

__all__ = ["trained"]

_CONFIG = """
runner: !DetectionRunner
  node: !StaticNode
    tasks: []
  detector: !ModelDetector
    model: {model}
"""
#: As ``wca train`` has them when nothing is said.
_PARAMETERS = Parameters(
    application_label="application",
    min_cpu=0.05,
    samples=60,
    components=4,
    span=3.0,
    budget=0.05,
    share=0.2,
)


@contextmanager
def trained(corpus: Corpus) -> Iterator[Path]:
    """A configuration with a ModelDetector that was trained on all of a corpus, with its labels.

    Args:
        corpus: another one than the detector is judged on.
    """
    sources = [
        Source(
            read_recording(str(one.recording)),
            read_episodes({key: one.labels[key] for key in ("version", "episodes")}),
        )
        for one in corpus
    ]
    with tempfile.TemporaryDirectory() as folder:
        model, config = Path(folder) / "model.json", Path(folder) / "model.yaml"
        model.write_bytes(encode_model(train(sources, _PARAMETERS)))
        for problem in (text for one in sources for text in one.recording.problems):
            print(problem, file=sys.stderr)
        config.write_text(_CONFIG.format(model=model))
        config.chmod(0o600)
        yield config
