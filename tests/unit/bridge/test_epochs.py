from bridge.epochs import Epochs
from bridge.sources import Change


def change(position, at, lane="a", **facts):
    return Change("s", "t", "update", position=position, committed_at=at, lane=lane, **facts)


def snapshot(position, at, run, lane="a", marker="true"):
    return change(position, at, lane, snapshot=marker, run=run)


def test_the_first_change_opens_the_first_epoch():
    assert Epochs(7).place(change(1, 1)) == (7, True)


def test_a_snapshot_is_one_epoch_on_every_lane():
    epochs = Epochs(1)
    placed = [epochs.place(snapshot(5, 50, "r", lane)).epoch for lane in "aab"]
    assert placed == [1, 1, 1]
    assert epochs.current.whole


def test_each_new_snapshot_opens_an_epoch():
    epochs = Epochs(1)
    assert [epochs.place(snapshot(5, 50, run)).epoch for run in ("r", "s", "s")] == [1, 2, 2]


def test_streaming_follows_in_the_snapshot_s_epoch():
    epochs = Epochs(1)
    epochs.place(snapshot(5, 50, "r"))
    assert epochs.place(change(6, 60)) == (1, True)
    assert epochs.place(change(6, 60, "other lane")) == (1, True)


def test_a_change_committed_before_the_snapshot_belongs_to_the_epoch_before():
    epochs = Epochs(1)
    epochs.place(change(10, 10, "a"))
    epochs.place(snapshot(90, 90, "s", "b"))
    assert epochs.place(change(20, 20, "a")).epoch == 1
    assert epochs.place(change(95, 95, "a")).epoch == 2


def test_backwards_in_place_and_forward_in_time_is_a_restored_database():
    epochs = Epochs(1)
    epochs.place(change(100, 100))
    assert epochs.place(change(50, 101)) == (2, True)
    assert epochs.place(change(51, 102)) == (2, True)


def test_backwards_in_both_is_a_redelivery():
    epochs = Epochs(1)
    for place in (98, 99, 100):
        epochs.place(change(place, place))
    assert [epochs.place(change(place, place)).fresh for place in (98, 99)] == [False, False]
    assert epochs.place(change(101, 101)) == (1, True)


def test_the_same_place_is_taken_again_because_both_halves_of_a_key_change_have_it():
    epochs = Epochs(1)
    epochs.place(change(100, 100))
    assert epochs.place(change(100, 100)).fresh


def test_an_offset_that_was_read_is_not_read_again():
    epochs = Epochs(1)
    epochs.place(change(100, 100, offset=4))
    assert not epochs.place(change(200, 200, offset=4)).fresh
    assert epochs.place(change(200, 200, offset=5)).fresh


def test_a_snapshot_by_a_run_that_streamed_shows_only_the_tables_asked_for():
    epochs = Epochs(1)
    epochs.place(snapshot(5, 50, "r"))
    epochs.place(change(6, 60, run="r"))
    epochs.place(snapshot(7, 70, "r"))
    assert not epochs.current.whole


def test_an_incremental_snapshot_opens_nothing():
    epochs = Epochs(1)
    epochs.place(change(100, 100))
    assert epochs.place(change(100, 120, snapshot="incremental")) == (1, True)


def test_a_snapshot_ends_once():
    epochs = Epochs(1)
    assert epochs.end() is None
    epochs.place(snapshot(5, 50, "r", marker="last"))
    assert epochs.open_snapshot.shown
    assert epochs.end().number == 1
    assert epochs.end() is None
    assert epochs.open_snapshot is None


def test_only_the_newest_epochs_are_kept():
    epochs = Epochs(1)
    for number in range(40):
        epochs.place(snapshot(5, 50 + number, str(number)))
    assert (len(epochs.known), epochs.current.number) == (16, 40)
