"""Random intents against a model: python3 tests/property --steps 10000 [--seed N]."""

import argparse
import json
import random
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from campaign import Fault, run, shrink  # noqa: E402
from steps import steps as random_steps  # noqa: E402


def progress(number: int) -> None:
    if sys.stderr.isatty():
        print(f"\rstep {number}", end="", file=sys.stderr, flush=True)
    elif number % 1000 == 0:
        print(f"step {number}", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(prog="./run property", description=__doc__)
    parser.add_argument("--steps", type=int, default=10000)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 31))
    parser.add_argument("--replay", type=Path, help="steps of a failure, as JSON")
    parser.add_argument("--output", type=Path, help="where the shortest failing steps go")
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    chosen = random_steps(options.seed, options.steps)
    if options.replay:
        chosen = json.loads(options.replay.read_text())
    try:
        counts = run(chosen, progress)
    except Fault as fault:
        print(f"\n{fault}", flush=True)
        if options.output:
            number = int(str(fault).split(",")[0].split()[1])
            shortest = shrink(chosen[: number + 1])
            options.output.write_text(json.dumps(shortest, indent=1))
            print(f"{len(shortest)} steps suffice: {options.output}")
        return 1
    for what, count in sorted(counts.items()):
        print(f"{count:6} {what}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
