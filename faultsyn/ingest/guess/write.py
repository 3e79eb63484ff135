"""Putting the guesses into a card: YAML with a comment for whatever is not certain."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from faultsyn.errors import InputError
from faultsyn.ingest.guess import words
from faultsyn.ingest.guess.content import Content, look
from faultsyn.ingest.guess.names import Family, families
from faultsyn.ingest.guess.tables import LabelTable, find_label_table
from faultsyn.ingest.patterns import bare_stem, walk
from faultsyn.ingest.readers import SUFFIXES, suffix_of

_MOST_FAMILIES = 8
_LOOKED_AT = 24


@dataclass
class Sensor:
    """One file of each recording: where in the name it is told apart, and what it holds."""

    literal: str
    suffix: str
    content: Content


@dataclass
class Kind:
    """Files that become recordings alike.

    - `family`: of the files of the first sensor; `place`: of the sensor's name, None for one file
      a recording.
    """

    family: Family
    place: int | None
    sensors: list[Sensor]
    suffix: str
    table: LabelTable | None = None
    notes: list[str] = field(default_factory=list)


def guess_card(folder: str | Path) -> str:
    """The text of a dataset card for the files below `folder`, with comments.

    `# ?` marks what the files do not say. Raises `InputError` when nothing there can be read.
    """
    raw = Path(folder)
    if not raw.is_dir():
        raise InputError(f"{raw}: no such folder")
    files = walk(raw)
    data = [f for f in files if suffix_of(f) in SUFFIXES]
    others = sorted({f"*{Path(f).suffix}" if Path(f).suffix else Path(f).name
                     for f in files if f not in data})  # fmt: skip
    table = find_label_table(raw, data)
    data = [f for f in data if table is None or f != table.file]
    looked: dict[str, Content | str] = {}
    kinds = _kinds(raw, data, table, looked)
    if not kinds:
        reasons = [f"{f}: {c}" for f, c in looked.items() if isinstance(c, str)]
        seen = reasons[0] if reasons else ", ".join(files[:3]) or "no file at all"
        raise InputError(
            f"{raw}: no file that can be read as a recording ({seen})",
            f"known formats: {', '.join(SUFFIXES)}",
        )
    return _text(raw, kinds, table, others, looked)


def _look(raw: Path, file: str, looked: dict[str, Content | str]) -> Content | None:
    if file not in looked:
        try:
            looked[file] = look(raw / file)
        except InputError as error:
            looked[file] = error.message.removeprefix(f"{raw / file}: ")
    found = looked[file]
    return found if isinstance(found, Content) else None


def _kinds(
    raw: Path, data: Sequence[str], table: LabelTable | None, looked: dict[str, Content | str]
) -> list[Kind]:
    found: list[Kind] = []
    for family in families(data)[:_MOST_FAMILIES]:
        kind = _sensors(raw, family, looked) or _plain(raw, family, looked)
        if kind is not None:
            kind.table = table
            found.append(kind)
    return found


def _plain(raw: Path, family: Family, looked: dict[str, Content | str]) -> Kind | None:
    """One file a recording."""
    for file in family.files[:3]:
        content = _look(raw, file, looked)
        if content is not None:
            suffix = Path(file).name[len(bare_stem(file)) :]
            return Kind(family, None, [Sensor("", suffix, content)], suffix)
    return None


def _sensors(raw: Path, family: Family, looked: dict[str, Content | str]) -> Kind | None:
    """Several files a recording, one a sensor, told apart at one place of their names."""
    for place in reversed(family.names):
        groups: dict[str, dict[tuple[str, ...], str]] = {}
        for file, parts in zip(family.files, family.parts, strict=True):
            rest = parts[:place] + parts[place + 1 :]
            groups.setdefault(parts[place], {})[rest] = file
        rests = [set(group) for group in groups.values()]
        if not 2 <= len(groups) <= _LOOKED_AT or any(rest != rests[0] for rest in rests):
            continue
        firsts = {value: next(iter(group.values())) for value, group in groups.items()}
        contents = {value: _look(raw, file, looked) for value, file in firsts.items()}
        known = {value: content for value, content in contents.items() if content is not None}
        signatures = {content.signature for content in known.values()}
        by_name = all(words.is_sensor(value) for value in groups)
        if len(known) < len(groups) or (len(signatures) < len(known) and not by_name):
            continue
        ordered = sorted(known.items(), key=lambda item: -(item[1].rate or 0))
        sensors = [
            Sensor(value, Path(firsts[value]).name[len(bare_stem(firsts[value])) :], content)
            for value, content in ordered
        ]
        main = [
            (file, parts)
            for file, parts in zip(family.files, family.parts, strict=True)
            if parts[place] == sensors[0].literal
        ]
        names = {p: name for p, name in family.names.items() if p != place}
        own = Family(tuple(f for f, _ in main), tuple(p for _, p in main), names)
        return Kind(own, place, sensors, sensors[0].suffix)
    return None


def _text(
    raw: Path,
    kinds: Sequence[Kind],
    table: LabelTable | None,
    others: Sequence[str],
    looked: dict[str, Content | str],
) -> str:
    name = re.sub(r"[^\w.-]+", "-", raw.resolve().name).strip("-.") or "mine"
    name = name if name[0].isalnum() else f"set{name}"
    lines = [
        "# A first card, guessed from the files. '# ?' marks what they do not say: look at these",
        "# lines, then `faultsyn ingest CARD --raw DIR --dry-run` shows what would go in as what.",
        f"name: {name}",
        f"title: {_q(f'Recordings of {raw.resolve().name}')}",
    ]
    if others:
        lines.append(f"ignore: [{', '.join(_q(o) for o in others)}]")
    for file, content in looked.items():
        if isinstance(content, str):
            lines.append(f"# {file} cannot be read: {content}")
    if table is not None:
        lines += table.lines()
    lines.append("recordings:")
    for kind in kinds:
        lines += [f"  {line}" if line else "" for line in _rule(kind)]
    return "\n".join(lines) + "\n"


def _rule(kind: Kind) -> list[str]:
    main = kind.sensors[0]
    fixed = {} if kind.place is None else {kind.place: main.literal}
    lines = [f"# {len(kind.family.files)} recordings, the first from {kind.family.files[0]}"]
    lines.append(f"- files: {_q(kind.family.pattern(kind.suffix, fixed))}")
    varying = [f"{{{name}}}" for name in kind.family.names.values()]
    segment = "-{segment}" if main.content.label and kind.place is None else ""
    lines.append(f"  id: {_q('-'.join(varying or ['{stem}']) + segment)}")
    values = {
        key: text for sensor in kind.sensors[:1] for key, text in sensor.content.values.items()
    }
    if values:
        lines.append("  values:")
        lines += [f"    {key}: {text}" for key, text in values.items()]
    if kind.table is not None:
        lines.append(f"  join: {{{kind.table.name}: {_q(kind.table.by)}}}")
    if segment and main.content.label:
        lines.append(f"  segment_by: {_q(main.content.label[0])}")
    lines.append("  columns:")
    lines += [f"    {line}" for line in _columns(kind, values)]
    lines.append("  streams:")
    for k, sensor in enumerate(kind.sensors):
        lines += [f"    {line}" for line in _stream(kind, sensor, k)]
    return lines


def _columns(kind: Kind, values: dict[str, str]) -> list[str]:
    family, table = kind.family, kind.table
    known = dict(table.columns) if table is not None else {}
    lines = [*_label(kind, known)]
    machine = family.group("machine")
    fixed = [p for place, p in enumerate(family.parts[0]) if place not in family.names]
    named = [p for p in fixed if words.MACHINE.match(p)]
    if "asset" in known:
        lines.append(f'asset: "{{{known["asset"]}}}"')
    elif machine is not None:
        lines.append('asset: "{machine}"')
    elif named:
        lines.append(f"asset: {_q(named[0])}")
    else:
        lines.append(
            'asset: "{stem}"  # ? the physical machine or part; here every file is its own'
        )
    if "rpm" in known:
        lines.append(f'rpm: "{{{known["rpm"]}}}"')
    elif family.group("rpm") is not None:
        lines.append('rpm: "{rpm}"')
    elif family.group("hz") is not None:
        lines.append('rpm: {value: "{hz}", times: 60}  # ? the Hz in the names is the shaft speed')
    elif "speed" in values:
        lines.append('rpm: "{speed}"')
    if family.group("load") is not None or "load" in known:
        lines.append(f'load: "{{{known.get("load", "load")}}}"')
    for name, column in known.items():
        if name not in ("label", "asset", "rpm", "load"):
            lines.append(f'{name}: "{{{column}}}"')
    return lines


def _label(kind: Kind, known: dict[str, str]) -> list[str]:
    family = kind.family
    place = family.group("state")
    if place is None and "label" not in known:
        place = next((p for p, name in family.names.items() if name.startswith("part")), None)
    if "label" in known and kind.table is not None:
        return _mapped(f"{{{known['label']}}}", kind.table.values(known["label"]))
    if kind.sensors[0].content.label is not None and kind.place is None:
        return _mapped("{segment_value}", kind.sensors[0].content.label[1])
    if place is not None:
        return _mapped(f"{{{family.names[place]}}}", family.values(place))
    stated = [words.state(part) for part in family.parts[0] if words.state(part)]
    if stated:
        return [f"label: {_q(str(stated[0]))}  # ? from the name"]
    return ["label: unknown  # ? the state of the machine; 'normal' for healthy"]


def _mapped(template: str, values: Sequence[str]) -> list[str]:
    lines = ["label:", f'  value: "{template}"', "  map:"]
    for value in values:
        known = words.state(value)
        text = known or value
        mark = "" if known else "  # ? 'normal' if this is the healthy state"
        lines.append(f"    {_q(value)}: {_q(text)}{mark}")
    return lines


def _stream(kind: Kind, sensor: Sensor, k: int) -> list[str]:
    content = sensor.content
    name = re.sub(r"\W+", "_", sensor.literal.lower()) or "signals"
    lines = [f"{name}:"]
    if content.time is not None:
        keys = ", ".join(f"{key}: {_q(str(value))}" for key, value in content.time.items())
        lines.append(f"  time: {{{keys}}}  # {content.rate:g} samples/s")
    elif content.rate_line:
        seen = f"  # {content.rate:g} samples/s in the first file" if content.rate else ""
        lines.append(f"  {content.rate_line}{seen}")
    else:
        lines.append("  rate:  # ? samples per second")
    lines += [f"  # {note}" for note in content.notes]
    if any(not c.unit for c in content.channels):
        lines.append("  unit:  # ? of the channels below that state none")
    lines.append("  channels:")
    file = ""
    if k:
        assert kind.place is not None
        pattern = kind.family.pattern(sensor.suffix, {kind.place: sensor.literal})
        file = f", file: {_q(pattern)}"
    for channel in content.channels:
        source = channel.source if isinstance(channel.source, int) else _q(channel.source)
        unit = f", unit: {_q(channel.unit)}" if channel.unit else ""
        quantity = f", quantity: {_q(channel.quantity)}" if channel.quantity else ""
        mark = "" if channel.quantity else "  # ? quantity"
        lines.append(f"    {_q(channel.name)}: {{from: {source}{file}{quantity}{unit}}}{mark}")
    return lines


def _q(text: str) -> str:
    """Text as YAML: plain where that is safe, else quoted."""
    if re.fullmatch(r"[A-Za-z][\w-]*", text) and text.lower() not in ("true", "false", "null"):
        return text
    return json.dumps(text, ensure_ascii=False)
