"""Our excerpt of the CRI says what the original says, and what is made of it is up to date."""

import re
import tomllib
from pathlib import Path

import pytest
from grpc_tools import protoc

from tests.nodes.containers import upstream
from wca.nodes.container_client import cri_pb2

ROOT = Path(__file__).parents[3]
PROTO = "wca/nodes/container_client/cri.proto"
GENERATED = ("cri_pb2.py", "cri_pb2.pyi")

MESSAGES = cri_pb2.DESCRIPTOR.message_types_by_name
ENUMS = cri_pb2.DESCRIPTOR.enum_types_by_name


def shape(descriptor):
    """Name, number and type of each field; types of the file by their own names."""
    return {
        field.name: (
            field.number,
            field.type,
            field.is_repeated,
            field.message_type and field.message_type.name,
            field.enum_type and field.enum_type.name,
        )
        for field in descriptor.fields
    }


@pytest.mark.parametrize("name", MESSAGES)
def test_fields_have_the_numbers_and_types_of_the_original(name):
    original = upstream.pool().FindMessageTypeByName(f"runtime.v1.{name}")
    ours, theirs = shape(MESSAGES[name]), shape(original)
    assert ours == {field: theirs.get(field) for field in ours}
    for inner in MESSAGES[name].nested_types:  # the entries of a map
        assert shape(inner) == shape(original.nested_types_by_name[inner.name])


@pytest.mark.parametrize("name", ENUMS)
def test_enumerations_have_the_numbers_of_the_original(name):
    original = upstream.pool().FindEnumTypeByName(f"runtime.v1.{name}")
    assert {one.name: one.number for one in ENUMS[name].values} == {
        one.name: one.number for one in original.values
    }


def test_the_methods_that_are_called_take_and_give_these_messages():
    methods = {
        name: (ask.DESCRIPTOR.name, give.DESCRIPTOR.name) for name, ask, give in upstream.methods()
    }
    called = re.findall(r'_ask\(\s*"(\w+)"', (ROOT / PROTO).with_name("cri.py").read_text())
    assert sorted(called) == ["ContainerStatus", "ListContainers", "ListPodSandbox"]
    for name in called:
        assert methods[name] == (f"{name}Request", f"{name}Response")
        assert set(methods[name]) <= set(MESSAGES)


@pytest.mark.parametrize("name", GENERATED)
def test_the_generated_modules_are_what_is_made_of_it(name, tmp_path):
    options = [f"-I{ROOT}", f"--python_out={tmp_path}", f"--pyi_out={tmp_path}", PROTO]
    assert protoc.main(["protoc", *options]) == 0
    made = (tmp_path / PROTO).with_name(name).read_text()
    assert (ROOT / PROTO).with_name(name).read_text() == made, "run make protobuf"


def test_every_protobuf_that_may_be_installed_is_new_enough_for_them():
    text = (ROOT / PROTO).with_name("cri_pb2.py").read_text()
    needed = re.search(r"^# Protobuf Python Version: ([\d.]+)$", text, re.MULTILINE)[1]
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"][
        "optional-dependencies"
    ]
    # Those of one major version and of the next run with a newer protobuf.
    (allowed,) = (one for one in extras["cri"] if one.startswith("protobuf"))
    assert allowed in (f"protobuf>={needed},<{major(needed) + bound}" for bound in (1, 2))


def major(version):
    return int(version.partition(".")[0])


def test_both_may_be_loaded_into_one_process():
    assert cri_pb2.DESCRIPTOR.package != "runtime.v1"
