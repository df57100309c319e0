"""Who waits for whom."""

from helloworld_operator.controller.waiters import Waiters


def test_waiters_are_found_until_they_wait_no_longer() -> None:
    waiters = Waiters()
    waiters.add(("ns", "source"), ("ns", "a"))
    waiters.add(("ns", "source"), ("ns", "b"))
    waiters.add(("ns", "other"), ("ns", "a"))

    assert set(waiters.of(("ns", "source"))) == {("ns", "a"), ("ns", "b")}
    waiters.forget(("ns", "a"))
    waiters.forget(("ns", "a"))
    assert waiters.of(("ns", "source")) == (("ns", "b"),)
    assert waiters.of(("ns", "other")) == ()
