"""False alarms of the quality gate on the public sets: channels flagged, by flag.

    python benchmarks/ingest_quality.py [--raw DIR] [--examples]

Prints the table that data/README.md shows. A flag on these sets is a false alarm unless the channel
really is so; `--examples` prints the first recording of each flag with what was seen, to look at.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections import Counter
from pathlib import Path

from faultsyn.ingest import ingest
from faultsyn.store import Store

SETS = ("cwru", "zema", "tep")


def main() -> None:
    """Ingest each set and count."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--raw", type=Path, default=Path(os.environ.get("FAULTSYN_DATA", "data")))
    parser.add_argument("--examples", action="store_true")
    arguments = parser.parse_args()
    print("| set | recordings | channels | flagged channels |\n|---|---|---|---|")
    for name in SETS:
        if not (arguments.raw / name).is_dir():
            print(f"| {name} | no files at {arguments.raw / name} | | |")
            continue
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder) / f"{name}.h5"
            summary = ingest(name, arguments.raw / name, out)
            with Store(out) as store:
                channels = sum(int(f.present.sum()) for f in store.stream_files.values())
        counts = Counter(f.text for f in summary.flagged)
        text = ", ".join(f"{flag} {n}" for flag, n in sorted(counts.items())) or "none"
        print(f"| {name} | {summary.added} | {channels} | {text} |")
        shown: set[str] = set()
        for flagged in summary.flagged if arguments.examples else ():
            if flagged.flag not in shown:
                shown.add(flagged.flag)
                print(f"  {flagged.recording}: {flagged.text}: {flagged.evidence}")


if __name__ == "__main__":
    main()
