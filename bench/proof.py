"""The proof before a change of the firewall. No peer has one."""

import json
import subprocess

from .field import program
from .rows import Choice, Row, Target
from .systems import OURS

ELEMENTS = 10_000
MANY = 100_000


def firewall_proof(choice: Choice) -> list[Row]:
    about = f"20 guard rails proved over {ELEMENTS:,} elements"
    change = Row("firewall-proof", "ms", f"{about}: after one element was added",
                 Target("under 5 ms", limit=5.0))  # fmt: skip
    again = Row("firewall-proof-all", "ms", f"{about}: all of them, the ruleset being known")
    scratch = Row("firewall-proof-scratch", "ms", f"{about}: from nothing, the ruleset taken in",
                  Target("under 100 ms", limit=100.0))  # fmt: skip
    memory = Row("firewall-proof-memory", "B", f"what each of {MANY:,} elements takes of memory",
                 Target("under 60 B", limit=60.0))  # fmt: skip

    for run in range(choice.runs):
        choice.progress(f"firewall-proof, run {run + 1} of {choice.runs}")
        times, many = (json.loads(subprocess.check_output([program("prooftime"), str(count)]))
                       for count in (ELEMENTS, MANY))  # fmt: skip
        change.take(OURS, times["change"])
        again.take(OURS, times["again"])
        scratch.take(OURS, times["scratch"])
        memory.take(OURS, many["bytes"])
    return [change, again, scratch, memory]
