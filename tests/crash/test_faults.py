"""A disk that is full or broken: what cannot be stored is not done, and the daemon goes on.

Each call by which the database is written during a change fails in turn: once; from then on until
somebody frees space; or from then on until the daemon dies. The tool has to say so, with kernel and
intent as before; or the change is wholly done.
"""

import errno
from typing import Any

import pytest

from stage import Stage, State, differences
from test_crash import SCENARIOS, Campaign, Recorded, record

DATABASE = "aiosnet.db"
CHANGES = ("to_static", "route_del", "undo_static", "confirm_within", "confirm")
FOREVER = 1_000_000
WRITES_AT_LEAST = 5  # of the shortest change


def kernel_is(stage: Stage, state: State) -> None:
    seen = stage.settle(state)
    assert not differences(seen, {part: state[part] for part in seen})


def fail(stage: Stage, recorded: Recorded, at: int, error: int, failures: int) -> dict[str, Any]:
    """The result of the change while the `at`-th write of the database fails."""
    stage.reset(recorded.saved)
    stage.start_from(recorded.before)
    with stage.client() as client:
        stage.control.arm(at, error=error, failures=failures, match=DATABASE)
        result = client.call_raw(recorded.call[0], **recorded.call[1])
        stage.struck = stage.control.calls()
        stage.control.disarm()
    assert stage.daemon.running
    return result


def judge_result(stage: Stage, recorded: Recorded, result: dict[str, Any]) -> State:
    """The state in which the result has to leave everything."""
    if not result.get("isError"):
        kernel_is(stage, recorded.after)
        return recorded.after
    assert result["structuredContent"]["error"]["code"] == "store.failed", result
    kernel_is(stage, recorded.before)
    return recorded.before


def asked_again(stage: Stage, recorded: Recorded, result: dict[str, Any]) -> None:
    """The daemon goes on: asked again, it does the change, and that outlives a crash."""
    if judge_result(stage, recorded, result) is recorded.before:
        stage.daemon.call(recorded.call[0], **recorded.call[1])
    kernel_is(stage, recorded.after)
    stage.kill()
    stage.start()
    kernel_is(stage, recorded.after)
    seen = stage.whole()
    assert seen == recorded.after, differences(seen, recorded.after)


def started_again(stage: Stage, recorded: Recorded, result: dict[str, Any]) -> None:
    """The daemon dies before the disk is well again, and is started again when it is."""
    told = judge_result(stage, recorded, result)
    stage.kill()
    parted = told is recorded.before and is_kept(stage, recorded)
    stage.start()
    stage.settle_still()
    seen = stage.whole()
    stage.check_audit()
    if parted:
        assert seen["intent"] == recorded.after["intent"], differences(seen, recorded.after)
    else:
        assert seen == told, differences(seen, told)


def is_kept(stage: Stage, recorded: Recorded) -> bool:
    """Whether the disk has the commit.

    It may have it though it did not confirm it, and though it took no word of the rollback after
    that. Then intent is found as after the change, and what the rollback had put back into the
    kernel stays there: the one case in which the two part."""
    return stage.stored()["history"] == recorded.after["history"]


FAULTS = {
    "once": (errno.EIO, 1, asked_again),
    "full": (errno.ENOSPC, FOREVER, asked_again),
    "broken": (errno.EIO, FOREVER, started_again),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("name", CHANGES)
def test_every_write_of_the_database_fails(stages: list[Stage], name: str, fault: str) -> None:
    error, failures, judge = FAULTS[fault]
    scenario = next(scenario for scenario in SCENARIOS if scenario.name == name)
    recorded = record(stages[0], scenario)

    def strike(stage: Stage, at: int) -> bool:
        result = fail(stage, recorded, at, error, failures)
        stage.struck = stage.struck[:at]
        reached = len(stage.struck) == at
        judge(stage, recorded, result)
        return reached

    campaign = Campaign(strike)
    campaign.run(stages)
    assert len(campaign.struck) >= WRITES_AT_LEAST
