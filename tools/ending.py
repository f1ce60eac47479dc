"""The end of `make test`: what the runs of pytest have said, from their JUnit files, with every failure by name; the slowest files of the lab's."""

import sys
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

SLOWEST = 12


def main(directory: Path) -> None:
    slow: Counter[str] = Counter()
    bad: list[str] = []
    print()
    for file in sorted(directory.glob("*.xml")):
        for suite in ElementTree.parse(file).iter("testsuite"):
            told = " ".join(f"{suite.get(k)} {k}" for k in ("tests", "failures", "errors", "skipped"))
            print(f"{file.stem}: {told} in {float(suite.get('time', 0)):.0f} s")
        for case in ElementTree.parse(file).iter("testcase"):
            if "lab" in file.stem:
                slow[case.get("classname", "")] += round(float(case.get("time", 0)))
            for how in [*case.iter("failure"), *case.iter("error")]:
                said = " ".join((how.get("message") or "").split())[:300]
                bad.append(
                    f"{how.tag.upper()} in {file.stem}: {case.get('classname')}::{case.get('name')}: {said}"
                )
    if slow:
        print(
            "the lab's slowest:",
            ", ".join(f"{n.rsplit('.', 1)[-1]} {s} s" for n, s in slow.most_common(SLOWEST)),
        )
    print(*bad, sep="\n", end="\n" if bad else "")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
