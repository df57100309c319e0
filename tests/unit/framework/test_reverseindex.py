"""Which objects depend on which."""

from kopfkit.controller.reverseindex import ReverseIndex


def test_index_are_found_until_they_wait_no_longer() -> None:
    index = ReverseIndex()
    index.add(("ns", "source"), ("ns", "a"))
    index.add(("ns", "source"), ("ns", "b"))
    index.add(("ns", "other"), ("ns", "a"))

    assert set(index.of(("ns", "source"))) == {("ns", "a"), ("ns", "b")}
    index.forget(("ns", "a"))
    index.forget(("ns", "a"))
    assert index.of(("ns", "source")) == (("ns", "b"),)
    assert index.of(("ns", "other")) == ()
