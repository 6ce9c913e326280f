"""Runs one fuzz target for a while: run.py TARGET CORPUS SECONDS RESULT.xml

New inputs go to a folder of their own, so that the corpus in the repository stays as it is. A crash is
printed with the input that caused it, in hexadecimal.
"""
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from pathlib import Path


def fuzz(target: Path, corpus: Path, seconds: int, scratch: Path) -> str | None:
    """Returns None, or what was found."""
    new = scratch / "new"
    new.mkdir()
    command = [str(target.resolve()), f"-max_total_time={seconds}", "-timeout=10",
               "-rss_limit_mb=2048", "-print_final_stats=1", f"-artifact_prefix={scratch}/", str(new)]
    if corpus.is_dir():
        command.append(str(corpus.resolve()))
    run = subprocess.run(command, capture_output=True, text=True, errors="replace")
    print("".join(line + "\n" for line in run.stderr.splitlines()[-12:] if "stat::" in line))
    if run.returncode == 0:
        return None
    inputs = [f"{path.name}: {path.read_bytes().hex()}" for path in scratch.glob("*-*")
              if path.is_file()]
    return run.stderr[-4000:] + "\n" + "\n".join(inputs)


def main() -> int:
    target, corpus, seconds, result = sys.argv[1:]
    suite = ElementTree.Element("testsuite", name="fuzz")
    case = ElementTree.SubElement(suite, "testcase", classname="fuzz", name=Path(target).name)
    with tempfile.TemporaryDirectory() as scratch:
        found = fuzz(Path(target), Path(corpus), int(seconds), Path(scratch))
    if found:
        ElementTree.SubElement(case, "failure").text = "".join(
            character for character in found if character.isprintable() or character == "\n")
        print(found)
    ElementTree.ElementTree(suite).write(result)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
