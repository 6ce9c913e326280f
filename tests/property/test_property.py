"""Random intents against a model, after which kernel equals intent: known seeds, and a new one.

The long run is `./run property`; a failure is printed with its seed, and played again by
`./run property --seed N --steps M --output FILE`, which cuts it down to the steps that it takes.
"""

import random

import campaign
import pytest
from found import FOUND
from steps import Step, steps

KNOWN = [2, 5, 6]  # each found a fault of its own when it was run first


@pytest.mark.parametrize("seed", [*KNOWN, random.randrange(1 << 31)])
def test_kernel_equals_intent(seed: int) -> None:
    print(f"seed {seed}")
    counts = campaign.run(steps(seed, 100))
    assert counts["merge"] > 10 and counts["undo"] > 1


@pytest.mark.parametrize("found", FOUND.values(), ids=FOUND.keys())
def test_what_was_found_once(found: list[Step]) -> None:
    campaign.run(found)


def test_a_fault_is_found() -> None:
    """The comparison itself: what is done behind the daemon's back, and not reverted, is seen."""
    wanted = [{"do": "merge", "pick": 0, "document": {"links": [{"name": "vetha"}]}}]
    with campaign.Lab(campaign.alone) as lab:
        run = campaign.Campaign(lab)
        run.take(wanted[0])
        run.daemon.stop()
        lab["host"].run("ip", "addr", "add", "192.0.2.1/24", "dev", "vetha")
        lab["host"].run("ip", "link", "set", "vethb", "mtu", "1300")
        faults = run.faults()
    assert len(faults) == 2 and "192.0.2.1/24" in faults[1] and "1300" in faults[0], faults
