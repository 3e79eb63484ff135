"""What the documents say can be done is done: commands run, links lead somewhere."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from faultsyn.errors import InputError
from faultsyn.windows import WindowSet

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
PAGES += [ROOT / folder / "README.md" for folder in ("data", "models", "experiments")]


def commands(page: Path) -> list[str]:
    """Lines of the page's ```bash blocks; other blocks are for reading."""
    blocks = re.findall(r"^```bash\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in block.splitlines() if line.strip()]


def test_the_guide_works_from_top_to_bottom(tmp_path: Path) -> None:
    lines = commands(ROOT / "docs" / "guide.md")
    assert any(line.startswith("faultsyn run") for line in lines)
    environment = {**os.environ, "FAULTSYN_DEBUG": ""}
    for line in lines:
        words = shlex.split(line, comments=True)
        assert words[0] == "faultsyn", line
        done = subprocess.run(
            [sys.executable, "-m", "faultsyn.cli", *words[1:]],
            cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=600, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"
    assert (tmp_path / "runs" / "demo" / "report.html").is_file()


def test_every_verb_in_a_document_exists() -> None:
    help_text = subprocess.run(
        [sys.executable, "-m", "faultsyn.cli", "--help"],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    verbs = set(re.findall(r"^[│|] ([a-z-]+) ", help_text, re.MULTILINE))
    assert {"ingest", "run", "report"} <= verbs
    for page in PAGES:
        for block in re.findall(r"^```.*?^```", page.read_text(), re.MULTILINE | re.DOTALL):
            for verb in re.findall(r"^faultsyn ([a-z-]+)", block, re.MULTILINE):
                assert verb in verbs, f"{page.name}: faultsyn {verb}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", page.read_text()):
        if not re.match(r"[a-z]+:", target):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_the_card_in_the_guide_reads_the_files_it_speaks_of(tmp_path: Path) -> None:
    from faultsyn import api
    from faultsyn.store import Store

    text = (ROOT / "docs" / "guide.md").read_text()
    card = re.search(r"^```yaml\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert card is not None
    assert yaml.safe_load(card.group(1))["name"] == "mill"
    (tmp_path / "mill.yaml").write_text(card.group(1))
    raw = tmp_path / "recordings"
    raw.mkdir()
    rows = "\n".join(f"{i / 12000:.9f},{i % 7 - 3}" for i in range(600))
    (raw / "motor3_outer_1480rpm.csv").write_text(f"time,acc\n{rows}\n")
    api.ingest(tmp_path / "mill.yaml", raw, tmp_path / "mill.h5")
    with Store(tmp_path / "mill.h5") as store:
        assert store.recordings["label"].tolist() == ["outer"]
        assert store.recordings["asset"].tolist() == ["motor3-outer"]
        assert float(store.recordings["rpm"][0]) == 1480
        assert store.recording(0).streams[0].samples[:4, 0].tolist() == [-3, -2, -1, 0]


def written_out(page: str) -> dict[str, Any]:
    """The names that a how-to page's first ```python block defines."""
    text = (ROOT / "docs" / page).read_text()
    block = re.search(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert block is not None
    names: dict[str, Any] = {"__name__": page}
    exec(compile(block.group(1), page, "exec"), names)
    return names


def some_windows(seed: int) -> WindowSet:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(6, 2, 32)).astype(np.float32)
    x[3:] += 3
    return WindowSet(x, {"label": np.repeat(["inner", "outer"], 3)}, 1000.0, ("a", "b"))


def test_the_generator_that_the_page_writes_out_works() -> None:
    shots, rng = some_windows(0), np.random.default_rng(0)
    kind = written_out("add-a-generator.md")["Jitter"]
    made = kind(scale=0.1).adapt(shots, rng).sample(5, rng, label="outer")
    assert (made.labels == "outer").all()
    moved = made.x - shots.x[made.column("source")]
    assert 0.05 < float(moved.std()) < 0.2
    with pytest.raises(InputError, match="jitter: expected scale a number >= 0, got -1"):
        kind(scale=-1).adapt(shots, rng)


def test_the_classifier_that_the_page_writes_out_works() -> None:
    rows = some_windows(0).as_features(some_windows(0).rows)
    other = some_windows(1).as_features(some_windows(1).rows)
    made = written_out("add-a-classifier.md")["CosineMean"]().fit(rows, np.random.default_rng(0))
    assert (made.predict(other) == other.labels).all()


def console(page: Path) -> list[tuple[str, list[str]]]:
    """Commands of ```console blocks with the output that the page shows."""
    found: list[tuple[str, list[str]]] = []
    for block in re.findall(r"^```console\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL):
        for line in block.splitlines():
            if line.startswith("$ "):
                found.append((line.removeprefix("$ "), []))
            else:
                found[-1][1].append(line)
    return found


def write_named_files(page: Path, folder: Path) -> list[Path]:
    """```yaml and ```python blocks that begin with a file name as comment."""
    made = []
    form = r"^```(?:yaml|python)\n(# (\S+)\n.*?)^```"
    blocks = re.findall(form, page.read_text(), re.MULTILINE | re.DOTALL)
    for text, name in blocks:
        made.append(folder / name)
        made[-1].write_text(text)
    return made


def masked(line: str) -> str:
    """Words only: numbers and widths may differ from machine to machine."""
    return re.sub(r"\s+", " ", re.sub(r"─+", "─", re.sub(r"\d+(\.\d+)?", "#", line))).strip()


FIRST_VERDICT = ROOT / "docs" / "first-verdict.md"


def test_the_files_of_the_first_verdict_are_a_card_and_a_task(tmp_path: Path) -> None:
    from faultsyn.experiment import load_task
    from faultsyn.ingest import load_card

    card, task = write_named_files(FIRST_VERDICT, tmp_path)
    assert load_card(card).name == "motors"
    assert load_task(task).split.groups == ("asset",)
    told = [shlex.split(line)[1] for line, _ in console(FIRST_VERDICT)]
    assert told == ["card", "bearing", "ingest", "rank", "train", "diagnose"]


def check_console(
    page: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Run the commands of a page here; each line that it shows must be among what they say."""
    from faultsyn.cli.app import main

    for line, shown in console(page):
        words = shlex.split(line)
        if words[0] == "python":
            done = subprocess.run(
                [sys.executable, *words[1:]], capture_output=True, text=True, check=False
            )
            code, out, err = done.returncode, done.stdout, done.stderr
        else:
            monkeypatch.setattr(sys, "argv", words)
            with pytest.raises(SystemExit) as stop:
                main()
            code, (out, err) = stop.value.code, capsys.readouterr()
        assert not code, f"{line}\n{err}"
        lines = {masked(text) for text in out.splitlines()}
        for text in shown:
            assert masked(text) in lines, f"{line}\n{text}\n{out}"


def test_the_first_verdict_works_and_says_what_the_page_shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from guide_files import write_motor_files

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "88")
    write_motor_files(tmp_path)
    write_named_files(FIRST_VERDICT, tmp_path)
    check_console(FIRST_VERDICT, monkeypatch, capsys)
    assert (tmp_path / "verdicts.html").is_file()


HYDRAULIC = ROOT / "docs" / "hydraulic-unit.md"


def test_the_four_diagnosers_say_what_the_page_shows(
    recordings: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "88")
    (tmp_path / "recordings").mkdir()
    (tmp_path / "recordings" / "zema").symlink_to(recordings / "zema")
    write_named_files(HYDRAULIC, tmp_path)
    check_console(HYDRAULIC, monkeypatch, capsys)
    for component in ("cooler", "valve", "pump", "accumulator"):
        page = (tmp_path / f"{component}.html").read_text()
        table = re.search(r'<section id="verdicts">.*?</section>', page, re.DOTALL)
        assert table is not None
        told = re.findall(
            r">(c\d\S+)</td><td[^>]*><strong>([^<]*)<", re.sub(r"\s+<", "<", table[0])
        )
        assert len(told) == 13
        for name, verdict in told:  # what the page says of them: all are right
            states = dict(zip("cvpa", re.findall(r"\d+", name), strict=True))
            stage = states[component[0]]
            healthy = {"c": "100", "v": "100", "p": "0", "a": "130"}[component[0]]
            assert verdict == ("normal" if stage == healthy else stage)
