"""Messages that only ring: each kind of work has a queue of its own, which neither fills up nor ends a worker."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kombu import Connection

from config.celery import app
from config.queueing import brokers, queues
from tests.brokers import URLS, NotThere, Redis

OURS = ("reports.", "discussion.", "people.", "catalog.", "webhooks.", "mailing.", "config.")
INGEST = queues.name_of("ingest")


@pytest.fixture(scope="module", autouse=True)
def ours() -> None:
    app.loader.import_default_modules()


def tasks() -> list[Any]:
    return [task for task in app.tasks.values() if task.__module__.startswith(OURS)]


def test_every_task_names_its_queue_and_is_ended_in_time() -> None:
    assert len(tasks()) >= 5
    for task in tasks():
        queue, _, name = task.name.partition(".")
        assert queue in queues.QUEUES and name
        assert app.amqp.router.route({}, task.name)["queue"].name == queues.name_of(queue)
        assert task.time_limit == queues.QUEUES[queue].seconds < queues.VISIBILITY_SECONDS


def test_whatever_rings_by_the_clock_expires() -> None:
    names = {task.name for task in tasks()}
    for entry in app.conf.beat_schedule.values():
        assert entry["task"] in names and entry["options"]["expires"] >= 10


def test_a_worker_serves_the_queues_that_it_is_asked_to_by_their_short_names() -> None:
    app.amqp.queues.select(["mail", "fetch"])
    try:
        assert {one.name for one in app.amqp.queues.consume_from.values()} == {
            queues.name_of("mail"),
            queues.name_of("fetch"),
        }
    finally:
        app.amqp.queues._consume_from = None


@pytest.fixture(params=["filesystem", "Redis"])
def channel(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    brokers.use_ours()
    folder = {"data_folder_in": str(tmp_path), "data_folder_out": str(tmp_path)}
    url = URLS[request.param]
    if request.param == "Redis":
        try:
            url = Redis(url, tmp_path).environment["CELERY_BROKER_URL"]
        except NotThere as error:
            pytest.skip(str(error))
    with Connection(url, transport_options=folder) as connection, connection.channel() as made:
        yield made
        made._purge(INGEST)


def test_bells_that_nobody_hears_do_not_pile_up(channel: Any) -> None:
    for number in range(200):
        channel.basic_publish(channel.prepare_message(f"ring {number}"), "", INGEST)
    assert channel._size(INGEST) == queues.QUEUES["ingest"].waiting
    other = queues.name_of("mail")
    for number in range(200):
        channel.basic_publish(channel.prepare_message(f"mail {number}"), "", other)
    assert channel._size(other) == 200, "what a mail says may be in its message"
    channel._purge(other)


def test_what_the_broker_declares_is_bounded() -> None:
    bounds = {queue.name: queue.queue_arguments for queue in queues.declared()}
    assert bounds[INGEST] == {"x-max-length": 10, "x-overflow": "drop-head"}


GARBLED = (
    *(b"", b"{", b"\xff\xfe", b"[]", b"null", b"{}", b'{"properties": []}', b'{"body": 1, "properties": {}}'),
    b'{"body": "", "headers": [1], "properties": {"delivery_tag": "a", "delivery_info": {}}}',
)


@pytest.mark.parametrize("channel", ["filesystem"], indirect=True)
@pytest.mark.parametrize("garbled", GARBLED)
def test_a_file_that_is_no_message_is_thrown_away_and_the_next_one_is_read(
    channel: Any, tmp_path: Path, garbled: bytes
) -> None:
    (tmp_path / f"0_garbled.{INGEST}.msg").write_bytes(garbled)
    channel.basic_publish(channel.prepare_message("ring"), "", INGEST)
    got = channel.basic_get(INGEST, no_ack=True)
    assert got is not None and got.decode() == "ring"
    assert channel.basic_get(INGEST, no_ack=True) is None
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("channel", ["filesystem"], indirect=True)
def test_messages_of_the_file_system_come_as_they_were_sent(channel: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in (9_999, 10_000):
        monkeypatch.setattr(brokers, "_milliseconds", lambda number=number: number)
        channel.basic_publish(channel.prepare_message(str(number)), "", INGEST)
    assert [channel.basic_get(INGEST, no_ack=True).decode() for _ in range(2)] == ["9999", "10000"]
