"""The command line: verbs work end to end, errors are one line with exit code 2."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from rich.text import Text

from faultsyn.cli.app import VERBS, app, main
from faultsyn.cli.generate import _curve_rows


def faultsyn(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "faultsyn.cli", *arguments],
        cwd=cwd, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("cli")
    done = faultsyn("simulate", "rig.h5", "--assets", "2", "--seconds", "1", "--json", cwd=made)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["recordings"] == 4 * 2 * 4
    return made


def test_inspect_says_what_is_in_a_store(folder: Path) -> None:
    done = faultsyn("inspect", "rig.h5", "--json", cwd=folder)
    summary = json.loads(done.stdout)
    assert set(summary["labels"]) == {"normal", "inner", "outer", "ball"}
    assert summary["labels"]["outer"] == {"recordings": 8, "assets": 2, "seconds": 8.0}
    assert summary["streams"]["vibration"]["rate"] == 12_000
    spoken = faultsyn("inspect", "rig.h5", cwd=folder)
    assert "outer" in spoken.stdout
    assert "vibration" in spoken.stdout


def test_validate_finds_a_sound_store_sound_and_a_broken_one_broken(folder: Path) -> None:
    assert faultsyn("validate", "rig.h5", cwd=folder).returncode == 0
    broken = bytearray((folder / "rig.h5").read_bytes())
    middle = len(broken) // 2
    broken[middle : middle + 64] = bytes(64)
    (folder / "broken.h5").write_bytes(broken)
    done = faultsyn("validate", "broken.h5", cwd=folder)
    assert done.returncode == 2
    assert "Traceback" not in done.stdout + done.stderr


def test_fault_frequencies_for_people_and_machines(folder: Path) -> None:
    spoken = faultsyn("bearing", "6205", "--rpm", "1797", cwd=folder).stdout
    assert "outer race (BPFO)" in spoken
    assert "107.36" in spoken
    told = json.loads(faultsyn("gear", "17/41", "--rpm", "600", "--json", cwd=folder).stdout)
    assert told["stages"][0]["hz"]["mesh"][0] == pytest.approx(170)
    assert "17/41 mesh" in faultsyn("gear", "17/41", cwd=folder).stdout


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["inspect", "nothing.h5"], "nothing.h5"),
        (["inspect", "text.h5"], "text.h5"),
        (["ingest", "cwr", "--raw", ".", "--out", "x.h5"], "did you mean 'cwru'"),
        (["ingest", "cwru", "--raw", "nowhere", "--out", "x.h5"], "nowhere"),
        (["simulate", "x.h5", "--kind", "gear"], "known: bearing"),
        (["simulate", "x.h5", "--assets", "0"], "at least one asset"),
        (["pretrain", "rig-bearing", "--generator", "diff-au", "--out", "x"], "did you mean"),
        (["adapt", "nothing", "rig-bearing", "--out", "y"], "nothing: not an artefact"),
        (["synthesize", "rig-bearing", "--out", "y.h5"], "--generator PRESET"),
        (["bearing", "6204"], "did you mean"),
        (["gear", "17/41", "--rpm", "0"], "rpm > 0"),
        (["audit", "rig-bearing", "--generator", "oversample", "--k", "1"], "k of at least 2"),
        (["run", "no-such-study"], "no-such-study"),
        (["report", "."], "no results here"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(
    folder: Path, arguments: list[str], says: str
) -> None:
    (folder / "text.h5").write_text("not HDF5")
    done = faultsyn(*arguments, cwd=folder)
    assert done.returncode == 2, done.stderr
    errors = [line for line in done.stderr.splitlines() if line.startswith("error:")]
    assert len(errors) == 1
    assert says in errors[0]
    assert "Traceback" not in done.stderr


def test_debug_shows_where_an_error_comes_from(folder: Path) -> None:
    done = faultsyn("inspect", "nothing.h5", "--debug", cwd=folder)
    assert "Traceback" in done.stderr


def test_a_generator_step_by_step(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def verb(*arguments: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["faultsyn", *arguments])
        with pytest.raises(SystemExit) as stop:
            main()
        said = capsys.readouterr()
        return int(stop.value.code or 0), said.out or said.err

    task = Path(__file__).parents[1] / "experiments" / "tasks" / "rig-bearing.yaml"
    monkeypatch.chdir(folder)
    chosen = (str(task), "--store", "rig.h5")
    code, said = verb("pretrain", *chosen, "--generator", "cycle-bootstrap", "--out", "models/x")
    assert (code, "artefact: models/x" in said) == (0, True)
    few = ("--k", "2", "--label", "ball", "--json")
    code, said = verb("adapt", "models/x", *chosen, *few, "--out", "models/y")
    assert json.loads(said)["classes"] == ["ball"]
    assert len(json.loads(said)["provenance"]["adapt"]["shots"]["ball"]) == 2
    code, said = verb("synthesize", "models/y", "--n", "3", "--out", "y.h5", "--json")
    assert json.loads(said)["windows"] == {"ball": 3}
    assert Path("y.html").is_file()
    for arguments, says in (
        (("synthesize", "models/x", "--out", "y.h5"), "not adapted to any shots"),
        (("synthesize", "models/y", "--k", "3", "--out", "y.h5"), "k = 3 cannot change them"),
        (("adapt", "models/x", *chosen, "--out", "."), "is no artefact; it is not overwritten"),
        (
            ("synthesize", *chosen, "--generator", "oversample", "--n", "2", "--out", "z.h5"),
            "no window of oversample was accepted",
        ),
    ):
        code, said = verb(*arguments)
        assert code == 2
        assert says in said


def test_a_training_curve_is_told_whether_there_is_one_or_one_a_class() -> None:
    curve = {"losses": [2.0, 1.0], "stopped": "patience"}
    assert _curve_rows(curve) == [["steps", "2, stopped by patience"]]
    assert _curve_rows({"inner": curve}) == [["steps, inner", "2, stopped by patience"]]
    assert _curve_rows({}) == []


def test_help_shows_every_word_of_it() -> None:
    # In help texts typer reads [words in brackets] as markup, and shows nothing of them.
    commands = typer.main.get_command(app).commands
    assert len(commands) == len(VERBS)
    for command in commands.values():
        for text in (command.help, *(getattr(p, "help", "") or "" for p in command.params)):
            assert Text.from_markup(text).plain == text


def test_import_and_help_stay_light() -> None:
    code = (
        "import sys, faultsyn.cli, faultsyn.api; "
        "heavy = {'torch', 'matplotlib', 'sklearn', 'scipy', 'h5py'} & set(sys.modules); "
        "sys.exit(', '.join(heavy) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
