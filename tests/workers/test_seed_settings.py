"""``Settings`` and the environment variables of the seed."""

from dataclasses import dataclass

import pytest

from wca.errors import ValidationError
from wca.workers import ApplicationSettings, Settings
from wca.workers.cml.job_store import JobStoreOptions


def test_defaults_are_those_of_the_seed():
    settings = Settings()
    assert settings == Settings.from_environment({})
    assert settings.worker_monitoring_enabled is True
    assert settings.worker_metrics_poll_interval == 300
    assert settings.worker_notification_webhooks == []
    assert settings.background_job_store == {
        "redis_host": "redis",
        "redis_port": 6379,
        "redis_db": 1,
    }


def test_the_environment_of_the_seed_is_understood():
    settings = Settings.from_environment(
        {
            "WORKER_MONITORING_ENABLED": "true",
            "WORKER_METRICS_POLL_INTERVAL": "60",
            "WORKER_NOTIFICATION_WEBHOOKS": "https://hooks.slack.com/services/xxx",
            "BACKGROUND_JOB_STORE": '{"redis_host": "127.0.0.1"}',
        }
    )
    assert settings.worker_monitoring_enabled is True
    assert settings.worker_metrics_poll_interval == 60
    assert settings.worker_notification_webhooks == ["https://hooks.slack.com/services/xxx"]
    assert settings.background_job_store == {"redis_host": "127.0.0.1"}


@pytest.mark.parametrize("text", ["false", "False", "0", "no", " off "])
def test_monitoring_can_be_disabled(text):
    settings = Settings.from_environment({"WORKER_MONITORING_ENABLED": text})
    assert settings.worker_monitoring_enabled is False


@pytest.mark.parametrize(
    ("text", "addresses"),
    [
        ("", []),
        (" , ", []),
        ("http://a/x,https://b", ["http://a/x", "https://b"]),
        ("http://a/x , https://b,", ["http://a/x", "https://b"]),
    ],
)
def test_webhooks_are_written_with_commas(text, addresses):
    settings = Settings.from_environment({"WORKER_NOTIFICATION_WEBHOOKS": text})
    assert settings.worker_notification_webhooks == addresses


@pytest.mark.parametrize(
    ("variable", "text", "said"),
    [
        ("WORKER_MONITORING_ENABLED", "maybe", "='maybe': write true or false"),
        ("WORKER_METRICS_POLL_INTERVAL", "5m", "='5m': write a whole number"),
        ("WORKER_METRICS_POLL_INTERVAL", "0", "poll_interval is 0: write seconds, at least 1"),
        ("WORKER_NOTIFICATION_WEBHOOKS", '["http://a"]', "write addresses with commas between"),
        ("WORKER_NOTIFICATION_WEBHOOKS", "slack", "the 1. is no address such as"),
        ("BACKGROUND_JOB_STORE", "redis", "write a JSON object"),
        ("BACKGROUND_JOB_STORE", '{"etcd_host": "a"}', "unknown key 'etcd_host': use sqlite_path"),
        ("BACKGROUND_JOB_STORE", '{"redis_port": 1}', "redis_host is missing"),
        ("BACKGROUND_JOB_STORE", '{"mongo_port": 1}', "mongo_host or mongo_uri is missing"),
        ("BACKGROUND_JOB_STORE", '{"sqlite_path": ""}', "sqlite_path is missing"),
        (
            "BACKGROUND_JOB_STORE",
            '{"redis_host": "a", "mongo_host": "b"}',
            "keys of mongo and redis: tasks are kept in one store, leave out the keys of the others",
        ),
        (
            "BACKGROUND_JOB_STORE",
            '{"mongo_uri": "mongodb://a/b", "mongo_database": "b"}',
            "mongo_uri says it already: leave out mongo_database",
        ),
        (
            "BACKGROUND_JOB_STORE",
            '{"mongo_uri": "a:27017"}',
            "mongo_uri: the url must begin with mongodb://",
        ),
        (
            "BACKGROUND_JOB_STORE",
            '{"redis_host": "a", "redis_port": "1"}',
            "redis_port: write a whole number",
        ),
        (
            "BACKGROUND_JOB_STORE",
            '{"redis_host": "a", "redis_ssl": 1}',
            "redis_ssl: write true or false",
        ),
    ],
)
def test_what_cannot_be_used_gets_a_sentence(variable, text, said):
    with pytest.raises(ValidationError) as raised:
        Settings.from_environment({variable: text})
    assert said in str(raised.value)


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("BACKGROUND_JOB_STORE", '{"redis_host": "a", "redis_password": "12345",}'),
        ("BACKGROUND_JOB_STORE", '{"redis_host": "a", "redis_password": 12345}'),
        ("BACKGROUND_JOB_STORE", '{"redis_password": "12345"}'),
        ("BACKGROUND_JOB_STORE", '{"mongo_uri": "user:12345@host/"}'),
        ("BACKGROUND_JOB_STORE", '{"mongo_uri": "mongodb://u:12345@a/", "mongo_host": "a"}'),
        ("WORKER_NOTIFICATION_WEBHOOKS", "https://hooks.slack.com/services/T0/ 12345"),
        ("WORKER_NOTIFICATION_WEBHOOKS", "http://a/x,hooks.slack.com/12345"),
    ],
)
def test_no_message_has_a_secret(variable, text):
    with pytest.raises(ValidationError) as raised:
        Settings.from_environment({variable: text})
    assert variable.lower() in str(raised.value).lower()
    assert "12345" not in str(raised.value)


def test_settings_as_text_have_no_secret():
    settings = Settings(
        worker_notification_webhooks=["https://hooks.slack.com/services/12345"],
        background_job_store={"redis_host": "a", "redis_password": "12345"},
    )
    assert "12345" not in repr(settings)
    assert "12345" not in repr(JobStoreOptions(settings.background_job_store))


def test_an_application_has_settings_of_its_own():
    @dataclass(frozen=True, kw_only=True)
    class Own(ApplicationSettings):
        cpu_threshold: float = 90.0
        title: str = "fleet"

    own = Own.from_environment({"CPU_THRESHOLD": "75.5", "TITLE": "labs"})
    assert own == Own(cpu_threshold=75.5, title="labs")
    with pytest.raises(ValidationError, match="CPU_THRESHOLD='hot': write a number"):
        Own.from_environment({"CPU_THRESHOLD": "hot"})
