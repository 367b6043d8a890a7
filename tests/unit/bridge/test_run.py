"""A crash between any two steps of the loop loses nothing and sends what it repeats byte for byte."""

import json

import pytest

from bridge import config as settings
from bridge.publish import NotDelivered, drain
from bridge.run import Runner, alone
from bridge.sources import Change
from bridge.sources.kafka import SETTLE_MS, Barrier
from schemas import codec
from tests.unit.bridge.kit import ADA, CONTACT, MAPPING, NOW_MS, keys


class Broker:
    """Takes messages, or fails at the given one."""

    def __init__(self):
        self.taken = []
        self.fail_at = None

    def send(self, messages):
        for message in messages:
            if self.fail_at == 0:
                raise NotDelivered("_MSG_TIMED_OUT")
            self.fail_at = None if self.fail_at is None else self.fail_at - 1
            self.taken.append(message[1:])


class Topic:
    """A source that goes on where the store stands, as the Kafka source does."""

    name = "care"

    def __init__(self, log, offsets):
        self.log, self.next, self.committed = log, offsets.get("l", -1) + 1, 0

    def poll(self, count, timeout_s, *, live):
        found = self.log[self.next : self.next + count]
        self.next += len(found)
        return found

    def commit(self):
        self.committed = self.next

    def lag(self):
        return len(self.log) - self.next

    def close(self):
        pass


def changes(count):
    """Changes of one lane; every third is a contact of the person before."""
    found = []
    for n in range(count):
        table, row = (
            ("care.contact", CONTACT | {"contact_id": n}) if n % 3 == 2 else ("care.person", ADA | {"person_id": n})
        )
        found.append(Change("care", table, "update", after=row, position=n, committed_at=n, lane="l", offset=n))
    return found


@pytest.fixture
def config(tmp_path):
    keys(tmp_path / "keys")
    (tmp_path / "mapping.yaml").write_text(MAPPING, encoding="utf-8")
    file = tmp_path / "bridge.json"
    file.write_text(json.dumps({
        "agency": "council", "partnership": "northmere", "mapping": "mapping.yaml",
        "keys": "keys/northmere/council", "store": "bridge.sqlite", "kafka": {"bootstrap": "127.0.0.1:1"},
        "sources": [{"name": "care", "kind": "debezium", "prefix": "p", "kafka": {"bootstrap": "127.0.0.1:1"}}],
        "batch_max": 1,
    }), encoding="utf-8")  # fmt: skip
    return settings.load(file)


class Bridge(Runner):
    """The product's loop with a broker and a topic in memory."""

    def __init__(self, config, broker, log):
        self._test_log = log
        self._test_broker = broker
        super().__init__(config, wall=lambda: NOW_MS)

    def _sender(self):
        return self._test_broker

    def _source(self, source):
        return Topic(self._test_log, self.pipeline.offsets(source.name))


def one_run(config, broker, log, turns=10):
    bridge = Bridge(config, broker, log)
    try:
        drain(bridge.pipeline.store, broker)
        for _ in range(turns):
            bridge.turn(bridge.sources[0])
    finally:
        bridge.close()
    return bridge


def envelopes(broker):
    found = [codec.decode(value, frozenset({"envelope"}))[1] for _, _, value in broker.taken]
    return [one for one in found if one["lane"] != "key"]


def what(envelope):
    return envelope["lane"], envelope["subject"], envelope["epoch"], envelope["position"], envelope["sequence"]


def test_every_change_arrives_once_where_nothing_fails(config):
    broker = Broker()
    bridge = one_run(config, broker, changes(12))
    assert sorted(one["lane"] for one in envelopes(broker)) == ["event"] * 4 + ["identity"] * 8 + ["profile"] * 8
    assert bridge.sources[0].committed == 12


@pytest.mark.parametrize("fail_at", range(0, 24, 3))
def test_a_crash_at_any_message_loses_nothing(config, fail_at):
    log, broker = changes(12), Broker()
    broker.fail_at = fail_at
    with pytest.raises(NotDelivered):
        one_run(config, broker, log)
    broker.fail_at = None
    one_run(config, broker, log)
    found = envelopes(broker)
    assert len({what(one) for one in found}) == 20
    by_version = {}
    for one in found:
        assert by_version.setdefault(what(one), one) == one  # what was repeated is the same, byte for byte


def test_offsets_follow_delivery(config):
    broker = Broker()
    broker.fail_at = 3
    bridge = Bridge(config, broker, changes(12))
    with pytest.raises(NotDelivered):
        bridge.turn(bridge.sources[0])
    assert bridge.sources[0].committed == 0
    bridge.close()


def test_a_pause_leaves_the_rest_at_the_source_until_it_is_resumed(config):
    bad = [Change("care", "care.person", "update", after=ADA | {"person_id": n, "born": "soon"}, position=n,
                  committed_at=n, lane="l", offset=n) for n in range(60)]  # fmt: skip
    broker = Broker()
    bridge = Bridge(config, broker, bad)
    for _ in range(20):
        bridge.turn(bridge.sources[0])
    assert bridge.pipeline.paused("care") is not None
    assert bridge.sources[0].next == 51
    bridge._report()
    assert (
        bridge.metrics.registry.get_sample_value("sightline_bridge_paused", {"agency": "council", "source": "care"})
        == 1
    )
    assert bridge.metrics.registry.get_sample_value(
        "sightline_bridge_quarantine_total", {"agency": "council", "reason": "bad_date"}
    ) == 51  # fmt: skip
    bridge.close()


def test_one_bridge_a_store(config):
    with alone(config.store), pytest.raises(BlockingIOError), alone(config.store):
        pass


def test_a_lost_store_opens_greater_epochs(config):
    broker = Broker()
    one_run(config, broker, changes(2))
    assert envelopes(broker)[0]["epoch"] == NOW_MS // 60_000


def row(marker="", lane="t/0"):
    return Change("care", "care.person", "read", snapshot=marker, run="r", lane=lane)


def test_a_snapshot_ends_only_when_every_partition_was_read_that_far():
    barrier, ends = Barrier(waiting=True, shown=False), {"t/0": 5, "t/1": 3}
    barrier.note(row("true"), 0)
    assert not barrier.reached({"t/0": 5, "t/1": 3}, lambda: ends, 10_000)  # its last row has not shown
    barrier.note(row("last"), 10_000)
    assert not barrier.reached({"t/0": 5, "t/1": 3}, lambda: ends, 10_000)  # other partitions may still be written
    later = 10_000 + SETTLE_MS
    assert not barrier.reached({"t/0": 5}, lambda: ends, later)
    assert barrier.reached({"t/0": 5, "t/1": 3}, lambda: ends, later)
    assert not barrier.reached({"t/0": 9, "t/1": 9}, lambda: ends, later)


def test_the_first_streamed_row_ends_a_snapshot_whose_last_table_was_empty():
    barrier = Barrier(waiting=False, shown=False)
    barrier.note(row("true"), 0)
    barrier.note(row(), 100)
    assert barrier.reached({"t/0": 2}, lambda: {"t/0": 2}, 100 + SETTLE_MS)


def test_a_bridge_that_was_live_is_not_asked_to_end_again():
    barrier = Barrier(waiting=False, shown=False)
    barrier.note(row(), 0)
    assert not barrier.reached({"t/0": 2}, lambda: {"t/0": 2}, 10_000)


def test_a_restart_after_the_last_row_ends_the_snapshot():
    assert Barrier(waiting=True, shown=True).reached({"t/0": 2}, lambda: {"t/0": 2}, 10_000)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"kafka": {"bootstrap": 1}}, "kafka.bootstrap"), ({"mapping": None}, "mapping"), ({"surplus": 1}, "surplus"),
        ({"sources": []}, "sources"), ({"sources": [{"name": "a", "kind": "magic"}]}, "sources.0"),
    ],
)  # fmt: skip
def test_a_wrong_setting_is_named(config, tmp_path, change, field):
    raw = json.loads((tmp_path / "bridge.json").read_text()) | change
    (tmp_path / "bridge.json").write_text(json.dumps(raw))
    with pytest.raises(settings.ConfigError, match=field):
        settings.load(tmp_path / "bridge.json")


def test_a_broker_elsewhere_needs_credentials_and_gets_tls(tmp_path):
    with pytest.raises(settings.ConfigError):
        settings.Kafka(bootstrap="kafka.example:9092").client()
    (tmp_path / "password").write_text("secret\n")
    far = settings.Kafka(bootstrap="kafka.example:9092", username="u", password_file=tmp_path / "password").client()
    near = settings.Kafka(bootstrap="127.0.0.1:1", username="u", password_file=tmp_path / "password").client()
    assert (far["security.protocol"], near["security.protocol"]) == ("SASL_SSL", "SASL_PLAINTEXT")
    assert far["sasl.password"] == "secret"
