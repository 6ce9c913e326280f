"""Adds up the JUnit files of a run and prints what failed and `N passed, N failed`."""
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path


def cases(path: Path):
    """Each test case of a file as (name, outcome)."""
    for case in ElementTree.parse(path).iter("testcase"):
        name = f'{path.stem}: {case.get("classname", "")} {case.get("name", "")}'
        if case.find("failure") is not None or case.find("error") is not None:
            yield name, "failed"
        elif case.find("skipped") is not None:
            yield name, "skipped"
        else:
            yield name, "passed"


def main() -> int:
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    files = sorted(Path(sys.argv[1]).glob("*.xml"))
    for path in files:
        for name, outcome in cases(path):
            counts[outcome] += 1
            if outcome != "passed":
                print(f"{outcome}: {name}")
    if not files or not counts["passed"]:
        print("no test ran")
        counts["failed"] += 1
    skipped = f', {counts["skipped"]} skipped' if counts["skipped"] else ""
    print(f'{counts["passed"]} passed, {counts["failed"]} failed{skipped}')
    return 1 if counts["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
