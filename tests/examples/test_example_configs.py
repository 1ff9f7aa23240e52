"""The configurations beside the examples build what their comments say."""

import stat
from pathlib import Path

import pytest

from wca.components import load_registry
from wca.config import load_component, load_config
from wca.storage import LogStorage, Storage

CONFIGS = Path(__file__).parents[2] / "configs"
ALL = sorted(CONFIGS.glob("*/*.yaml"))
WRAPPING = [path for path in ALL if path.parent.name == "wrapping"]
FILES = [path for path in ALL if path not in WRAPPING]
PLUGINS = {
    "extending": ["hello_world_runner:HelloWorldRunner", "http_store:HTTPStorage"],
    "detecting": ["waits_for_cpu:WaitsForCpu"],
}


@pytest.fixture
def load(monkeypatch):
    monkeypatch.syspath_prepend(str(CONFIGS.parent / "examples"))

    def load_one(name):
        plugins = PLUGINS.get(Path(name).parts[0], [])
        return load_config(str(CONFIGS / name), load_registry(plugins))

    return load_one


def test_there_are_files_to_test():
    assert len(FILES) >= 5


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_it_builds(load, path):
    assert callable(load(path.relative_to(CONFIGS)).runner.run)


@pytest.mark.parametrize("path", WRAPPING, ids=lambda path: path.name)
def test_one_for_wca_wrap_builds(path, tmp_path):
    copy = tmp_path / "storage.yaml"  # a checkout may be anybody's
    copy.write_text(path.read_text())
    copy.chmod(0o600)
    assert load_component(str(copy), "storage", Storage, load_registry())


@pytest.mark.parametrize("path", ALL, ids=lambda path: path.name)
def test_nobody_but_its_owner_may_write_it(path):
    assert not stat.S_IMODE(path.stat().st_mode) & stat.S_IWOTH


@pytest.mark.parametrize(
    "path", [path for path in ALL if path.parent.name != "extending"], ids=lambda path: path.name
)
def test_it_begins_by_saying_what_it_does(path):
    assert path.read_text().startswith("# ")


def test_the_hello_world_runner_is_the_users(load):
    assert type(load("extending/hello_world.yaml").runner).__module__ == "hello_world_runner"


def test_the_measurements_go_to_the_users_storage(load):
    runner = load("extending/measurement_http_storage.yaml").runner
    assert type(runner.metrics_storage).__module__ == "http_storage"
    assert runner.metrics_storage.http_endpoint == "http://127.0.0.1:8000"


def test_the_storages_are_those_of_the_comments(load):
    storages = {
        name: load(f"extra/static_measurements{name}.yaml").runner.metrics_storage
        for name in ("", "_directory", "_for_node_exporter")
    }
    assert all(isinstance(storage, LogStorage) for storage in storages.values())
    assert storages[""].output_filename is None
    assert storages["_directory"].output_filename == "/tmp/wca-metrics.txt"
    assert storages["_for_node_exporter"].overwrite
    assert not storages["_for_node_exporter"].include_timestamp
    assert storages["_for_node_exporter"].output_filename.endswith(".prom")
