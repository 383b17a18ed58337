"""A plugin whose vetoes fail five times in a row is left alone for thirty seconds, then probed."""

from beltstack.plugins.veto_breaker import FAILURES_MOST, REST_SECONDS, VetoBreakers


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def failed(breakers: VetoBreakers, times: int) -> None:
    for _ in range(times):
        assert breakers.may_ask("books")
        breakers.note("books", failed=True)


def test_it_rests_after_so_many_failures_in_a_row_and_not_before() -> None:
    breakers = VetoBreakers(Clock())
    failed(breakers, FAILURES_MOST - 1)
    breakers.note("books", failed=False)
    failed(breakers, FAILURES_MOST)
    assert not breakers.may_ask("books")
    assert breakers.may_ask("others")


def test_one_probe_at_a_time_finds_out_whether_it_is_well_again() -> None:
    clock = Clock()
    breakers = VetoBreakers(clock)
    failed(breakers, FAILURES_MOST)
    clock.now += REST_SECONDS
    assert [breakers.may_ask("books") for _ in range(2)] == [True, False]
    breakers.note("books", failed=True)
    assert not breakers.may_ask("books")
    clock.now += REST_SECONDS
    assert breakers.may_ask("books")
    breakers.note("books", failed=False)
    assert [breakers.may_ask("books") for _ in range(2)] == [True, True]
