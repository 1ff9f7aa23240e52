"""The CRI as Kubernetes writes it: messages made from its own api.proto, in a pool of their own."""

import functools
import tempfile
from pathlib import Path

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from grpc_tools import protoc

#: k8s.io/cri-api v0.37.2, pkg/apis/runtime/v1/api.proto.
PROTO = Path(__file__).with_name("api.proto")
SERVICE = "runtime.v1.RuntimeService"


@functools.cache
def pool():
    """What the file describes."""
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "api.pb"
        options = [f"-I{PROTO.parent}", f"--descriptor_set_out={output}", PROTO.name]
        assert protoc.main(["protoc", *options]) == 0
        files = descriptor_pb2.FileDescriptorSet.FromString(output.read_bytes())
    described = descriptor_pool.DescriptorPool()
    for file in files.file:
        described.Add(file)
    return described


def message(name):
    """The class of a message."""
    return message_factory.GetMessageClass(pool().FindMessageTypeByName(f"runtime.v1.{name}"))


def methods():
    """Each method of the service: its name, and the classes of question and answer."""
    for method in pool().FindServiceByName(SERVICE).methods:
        kinds = (method.input_type, method.output_type)
        yield method.name, *map(message_factory.GetMessageClass, kinds)


class Runtime:
    """A runtime that is told what to do.

    Args:
        path: of its socket.
    """

    def __init__(self, path):
        self._channel = grpc.insecure_channel(f"unix:{path}")
        self._methods = {name: kinds for name, *kinds in methods()}

    def __call__(self, name, **fields):
        """Ask, and wait for the answer."""
        question, answer = self._methods[name]
        call = self._channel.unary_unary(
            f"/{SERVICE}/{name}", question.SerializeToString, answer.FromString
        )
        return call(question(**fields), timeout=60, wait_for_ready=True)

    def close(self):
        self._channel.close()
