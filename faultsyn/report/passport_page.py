"""`write_passport`: one page beside a store of synthetic windows that says how it came about."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import yaml

from faultsyn import __version__
from faultsyn.experiment.made import ClassMade, Made
from faultsyn.report.gallery import Picture
from faultsyn.report.html import stem, template, write_text
from faultsyn.report.passport_figures import passport_figure
from faultsyn.report.style import save, styled
from faultsyn.report.tables import Cell, Table
from faultsyn.windows import WindowSet

_MOST_DRAWN = 6
"""Classes that are drawn; the others are in the table."""
_MOST_NAMED = 12
"""Recordings that are named; of the others, how many there are."""


def write_passport(made: Made) -> dict[str, Any]:
    """Write `<store>.html` (one file, no network needed) and a figure a class beside the store.

    Returns what a caller may want to know, in plain JSON types: paths, names, counts by class.
    """
    path = made.path.with_suffix(".html")
    pictures = _pictures(made)
    page = template("passport.html").render(
        title=made.path.stem,
        facts=_facts(made),
        messages=made.messages,
        counts=_count_table(made),
        steps=[(step, _seen_table(step, told)) for step, told in made.provenance.items()],
        config=yaml.safe_dump(dict(made.config), sort_keys=True, width=90) if made.config else "",
        pictures=pictures,
        undrawn=max(0, len(made.counts) - _MOST_DRAWN),
        gated=any(one.limits for one in made.classes.values()),
        version=__version__,
    )
    write_text(path, page)
    return {
        "path": str(made.path),
        "page": str(path),
        "figures": [str(_figure_path(made, picture.name)) for picture in pictures],
        "generator": made.facts["generator"],
        "task": made.facts["task"],
        "k": made.provenance["adapt"]["k"],
        "windows": made.counts,
        "classes": {
            label: {"drawn": one.drawn, "accepted": one.accepted, "rejected": dict(one.rejected)}
            for label, one in made.classes.items()
        },
        "messages": list(made.messages),
    }


def _facts(made: Made) -> list[tuple[str, str]]:
    adapt, pretrain = made.provenance["adapt"], made.provenance.get("pretrain")
    one = next(iter(made.classes.values())).shots
    rows = [
        ("Store", str(made.path)),
        ("Generator", str(made.facts["generator"])),
        ("Task", f"{made.facts['task']}, on {adapt['store']}"),
        ("Windows", _windows_text(one)),
        ("Shots", f"K = {adapt['k']} of each class, {adapt['fold'] or 'from all windows'}"),
    ]
    if pretrain is not None:
        where = pretrain["fold"] or "from all healthy ones"
        text = f"{pretrain['windows']} windows of {pretrain['task']}, {where}"
        rows.append(("Pretrained on", text))
    rows += [
        ("Data hash", str(made.facts["data_hash"])),
        ("Configuration hash", str(made.facts["config_hash"])),
        ("Weights hash", str(made.facts["weights_hash"]) or "not kept: made in one go"),
        ("Seed", str(made.facts["seed"])),
        ("Code", str(made.facts["code"])),
    ]
    return rows


def _windows_text(windows: WindowSet) -> str:
    count = len(windows.channels)
    channels = windows.channels[0] if count == 1 else f"{count} channels"
    return f"{windows.n_samples} samples of {channels} at {windows.rate:.6g} Hz"


def _count_table(made: Made) -> Table:
    rows = tuple(
        (
            Cell(label),
            Cell(", ".join(f"{why} {n}" for why, n in one.rejected.items()) or "none"),
            Cell(str(len(one.shots))),
            Cell(str(one.drawn)),
            Cell(str(one.accepted), strong=True),
        )
        for label, one in made.classes.items()
    )
    return Table(
        "Windows drawn, rejected and accepted, by class",
        ("class", "rejected", "shots", "drawn", "accepted"),
        rows,
    )


def _seen_table(step: str, told: dict[str, Any]) -> Table:
    """What a step has seen: recordings by group."""
    seen = told["seen"]
    columns = {name: values for name, values in seen["columns"].items() if any(values)}
    names = ("recording", *columns)
    listed = list(zip(seen["recordings"], *columns.values(), strict=True))
    rows = [tuple(Cell(str(value)) for value in row) for row in listed[:_MOST_NAMED]]
    if len(listed) > _MOST_NAMED:
        more = f"and {len(listed) - _MOST_NAMED} more"
        rows.append((Cell(more), *(Cell("") for _ in columns)))
    caption = (
        f"{len(listed)} recordings seen in {'pretraining' if step == 'pretrain' else 'adaptation'} "
        f"({told['windows']} windows, seed {told['seed']}, data {told['data_hash']}, code "
        f"{told['code']})"
    )
    return Table(caption, names, tuple(rows), n_text=len(names))


def _pictures(made: Made) -> list[Picture]:
    drawn = [one for one in made.classes.values() if one.accepted][:_MOST_DRAWN]
    return [_picture(made, one) for one in drawn]


def _figure_path(made: Made, name: str) -> Path:
    return made.path.with_name(f"{made.path.stem}-{name}.png")


def _picture(made: Made, one: ClassMade) -> Picture:
    name = stem(one.label)
    with styled():
        figure, caption = passport_figure(one, made.normals, str(made.facts["generator"]))
        png = save(figure, made.path.parent, _figure_path(made, name).stem)
    encoded = base64.b64encode(png).decode("ascii")
    return Picture(name, f"Class {one.label}. {caption}", encoded)
