"""What a plugin saw and answered, and its replay."""

from wca.recording.frame import Frame, FrameAnswer, Header, RecordingError
from wca.recording.reader import Recording, read_recording
from wca.recording.writer import RecordingWriter

__all__ = [
    "Frame",
    "FrameAnswer",
    "Header",
    "Recording",
    "RecordingError",
    "RecordingWriter",
    "read_recording",
]
