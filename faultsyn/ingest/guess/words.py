"""The words that plants use: states, machines, units, sensors, times; English and German."""

from __future__ import annotations

import re

LABELS_BY_WORD = {
    "normal": "normal healthy good ok okay baseline nominal gut gesund fehlerfrei intakt io neu "
    "new reference referenz undamaged none",
    "inner": "inner ir innerrace innenring ki",
    "outer": "outer or outerrace aussenring außenring ka",
    "ball": "ball b kugel waelzkoerper wälzkörper roller",
    "unbalance": "unbalance imbalance unwucht unb",
    "misalignment": "misalignment misaligned fehlausrichtung versatz",
    "bearing": "bearing lagerschaden lager bearingfault",
    "leak": "leak leakage leck leckage undicht",
    "cavitation": "cavitation kavitation",
    "looseness": "looseness loose lose",
    "wear": "worn wear verschleiss verschleiß",
    "fault": "fault faulty defect defekt anomaly schaden broken",
    "blockage": "blocked blockage clogged verstopft",
    "crack": "crack cracked riss",
}
"""What a word in a name says of the state of the machine."""

MACHINE = re.compile(
    r"(?i)^(?:machine|maschine|asset|rig|unit|pump|pumpe|motor|fan|bearing|lager|gear|getriebe|"
    r"valve|ventil|turbine|line|anlage|linie|wt|m|p|k|b|g|v)[-_ ]?\d+(?:_\d+)?[a-z]?$"
)
"""Names of physical things."""

COLUMNS = {
    "label": "label state condition fault class zustand status fehler fault_mode klasse",
    "asset": "asset machine maschine pump pumpe bearing lager unit anlage equipment device",
    "rpm": "rpm speed drehzahl speed_rpm n_rpm",
    "load": "load last torque drehmoment",
    "severity": "severity schwere size extent damage_size",
    "location": "location ort position",
    "session": "session run lauf measurement messung",
}
"""Headings of label tables by the column of a store."""

TIMES = frozenset(
    {"t", "time", "zeit", "timestamp", "date", "datum", "uhrzeit", "datetime", "zeitstempel"}
    | {"time_s", "times", "seconds", "sekunden", "elapsed_time", "zeitpunkt", "tag"}
)
CLOCKS = frozenset(["uhrzeit", "time", "zeit", "clock", "time_of_day"])
COUNTERS = frozenset(["", "index", "nr", "no", "n", "sample", "#", "id", "lfd", "unnamed: 0"])
LABELS = frozenset(COLUMNS["label"].split())

QUANTITIES = {
    "acceleration": "g m/s2 m/s^2 m/s² mm/s2 mm/s² gn",
    "vibration velocity": "mm/s",
    "displacement": "mm um µm mil",
    "pressure": "bar mbar pa kpa mpa psi hpa",
    "temperature": "°c degc c k °f degf celsius",
    "volume flow": "l/min m3/h m³/h l/s gpm",
    "voltage": "v mv",
    "current": "a ma",
    "power": "w kw",
    "force": "n kn",
    "torque": "nm n·m",
    "rotational speed": "rpm 1/min min-1 upm u/min",
    "frequency": "hz",
    "opening": "%",
}
"""Quantity by the units it is measured in."""

SENSORS = {
    "acceleration": "acc accel acceleration vib vibration schwingung beschleunigung accelerometer",
    "sound pressure": "mic micro microphone sound audio schall acoustic",
    "pressure": "p press pressure druck ps",
    "temperature": "temp temperature temperatur ts",
    "volume flow": "flow durchfluss volumenstrom fs",
    "current": "current strom i",
    "voltage": "voltage spannung u",
    "power": "power leistung",
    "force": "force kraft",
    "torque": "torque drehmoment moment",
    "rotational speed": "speed rpm drehzahl tacho",
}
"""Quantity by what its channel or file is called."""

_STATES = {word: label for label, texts in LABELS_BY_WORD.items() for word in texts.split()}
_BY_UNIT = {unit: name for name, units in QUANTITIES.items() for unit in units.split()}
_BY_WORD = {word: name for name, words in SENSORS.items() for word in words.split()}
_BY_HEADING = {word: name for name, words in COLUMNS.items() for word in words.split()}
_BRACKET = re.compile(r"^(.*?)\s*[\[(]([^\[\]()]{1,12})[\])]\s*$")


def state(word: str) -> str | None:
    """The label that a word of a file's name says, or None."""
    plain = word.lower()
    return _STATES.get(plain) or _STATES.get(plain.rstrip("0123456789"))


def quantity(unit: str, name: str) -> str:
    """What a channel measures, by its unit, else by its name; empty when neither says."""
    plain = unit.strip().lower()
    if plain in _BY_UNIT and unit != "G":
        return _BY_UNIT[plain]
    for word in re.split(r"[^a-zäöüß]+", name.lower()):
        if word in _BY_WORD:
            return _BY_WORD[word]
    return ""


def is_sensor(word: str) -> bool:
    """True when a part of a file's name is a sensor's."""
    parts = re.split(r"[^a-zäöüß]+", word.lower())
    return any(part in _BY_WORD for part in parts if len(part) > 2)


def heading(text: str) -> str | None:
    """The column of a store that a label table's heading means, or None."""
    return _BY_HEADING.get(text.strip().lower())


def split_unit(name: str) -> tuple[str, str]:
    """`Druck [bar]` as name and unit; the unit is empty when there is none."""
    hit = _BRACKET.match(name)
    return (hit[1], hit[2]) if hit else (name, "")
