"""Studies: which tasks, seeds, generators and classifiers are compared. One YAML file each."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import Field, NonNegativeInt, PositiveInt, field_validator, model_validator

from faultsyn.artifact import read_head
from faultsyn.errors import InputError
from faultsyn.experiment.arms import ClassifierArm, GeneratorArm, Limits
from faultsyn.experiment.config import Strict, merge, parse, read_yaml
from faultsyn.experiment.needs import Needs
from faultsyn.experiment.presets import load_preset
from faultsyn.experiment.task import Task, load_task
from faultsyn.registry import nearest
from faultsyn.resources import find
from faultsyn.synth import repeatable

FOLDER = "experiments"


class Study(Strict):
    """A comparison.

    - `tasks`, `generators`, `classifiers`: resolved; `load_study` accepts the short forms.
    - `seeds`: how many (0, 1, ...) or which.
    - `leak_gap`: also score every task (or the named ones) on random windows, without synthesis.
    - `controls`: also run shuffled labels and a metadata-only classifier on every task (or the
      named ones); both must give chance.
    - `measures`: also measure the signals that every cell (or those of the named tasks) made; see
      `faultsyn.experiment.measuring`.
    - `jobs`: default number of processes; `needs`: what a cell needs on a cluster.
    - `examples`: real and synthetic windows kept per class, generator and task, for figures.
    """

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    about: str = ""
    tasks: tuple[Task, ...] = Field(min_length=1)
    seeds: tuple[NonNegativeInt, ...] = Field(min_length=1)
    generators: tuple[GeneratorArm, ...] = Field(min_length=1)
    classifiers: tuple[ClassifierArm, ...] = Field(min_length=1)
    leak_gap: bool | tuple[str, ...] = False
    controls: bool | tuple[str, ...] = False
    measures: bool | tuple[str, ...] = False
    jobs: PositiveInt = 1
    needs: Needs = Needs()
    examples: NonNegativeInt = 0

    @field_validator("seeds", mode="before")
    @classmethod
    def _seeds(cls, value: Any) -> Any:
        counts = isinstance(value, int) and not isinstance(value, bool)
        return tuple(range(value)) if counts else value

    @model_validator(mode="after")
    def _names(self) -> Study:
        task_names = [task.name for task in self.tasks]
        for what, names in (
            ("task", task_names),
            ("generator", [arm.name for arm in self.generators]),
            ("classifier", [arm.name for arm in self.classifiers]),
        ):
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                raise InputError(f"{what} '{twice[0]}' stands twice", "give one another `name`")
        known = [arm.name for arm in self.generators]
        for name in [name for arm in self.classifiers for name in arm.generators or ()]:
            if name not in known:
                raise InputError(f"'{name}' is not a generator of this study", nearest(name, known))
        named = [task for arm in (*self.generators, *self.classifiers) for task in arm.tasks or ()]
        for option in (self.leak_gap, self.controls, self.measures):
            named += option if isinstance(option, tuple) else ()
        for name in named:
            if name not in task_names:
                hint = nearest(name, task_names)
                raise InputError(f"'{name}' is not a task of this study", hint)
        return self

    def wants(self, option: Literal["leak_gap", "controls", "measures"], task: Task) -> bool:
        """Whether an option holds for a task."""
        value: bool | tuple[str, ...] = getattr(self, option)
        return task.name in value if isinstance(value, tuple) else value


def load_study(source: str | Path | Mapping[str, Any]) -> Study:
    """A study by name, path or mapping, with its tasks and presets looked up.

    Short forms: a task is a name, or a mapping with `task:` and the keys that differ, or a task
    written out. A generator or classifier is the name of a preset, or a mapping with `preset:`
    (or `method:`) and `name`, `config`, `n_synthetic`, `representation`, `seeds`, `k`, `tasks`,
    `base`. A generator may also be a mapping with `artifact:`, the folder of a pretrained one.

    Raises `InputError` naming the file, the key and the nearest valid key.
    """
    if isinstance(source, Mapping):
        data, where = dict(source), f"study '{source.get('name', '?')}'"
    else:
        path = find(source, FOLDER)
        data, where = read_yaml(path), str(path)
    try:
        data["tasks"] = [_task(entry) for entry in _list(data, "tasks")]
        data["generators"] = [generator_arm(entry) for entry in _list(data, "generators")]
        data["classifiers"] = [classifier_arm(entry) for entry in _list(data, "classifiers")]
    except InputError as error:
        raise InputError(f"{where}: {error.message}", error.hint) from None
    return parse(Study, data, where)


def generator_arm(entry: Any) -> GeneratorArm:
    """One generator of a study from any of the forms that `load_study` takes."""
    return parse(GeneratorArm, _arm(entry, "generator"), "generator")


def classifier_arm(entry: Any) -> ClassifierArm:
    """One classifier of a study from any of the forms that `load_study` takes."""
    return parse(ClassifierArm, _arm(entry, "classifier"), "classifier")


def dump_study(study: Study) -> str:
    """The resolved study as YAML that `load_study` reads back."""
    return yaml.safe_dump(
        study.model_dump(mode="json", exclude_defaults=True), sort_keys=False, width=100
    )


def _list(data: Mapping[str, Any], key: str) -> list[Any]:
    value = data.get(key, [])
    if not isinstance(value, (list, tuple)):
        raise InputError(f"{key}: expected a list, got {type(value).__name__}")
    return list(value)


def _task(entry: Any) -> Task:
    if isinstance(entry, Task):
        return entry
    if isinstance(entry, Mapping) and "task" in entry:
        over = {key: value for key, value in entry.items() if key != "task"}
        return load_task(entry["task"], **over)
    return load_task(entry)


def _arm(entry: Any, kind: Literal["generator", "classifier"]) -> Any:
    """The entry with its preset's method, configuration and amount filled in."""
    if isinstance(entry, Limits):
        return entry
    if not isinstance(entry, (str, Mapping)):
        raise InputError(f"{kind}: expected a name or a mapping, got {entry!r}")
    data: dict[str, Any] = {"preset": entry} if isinstance(entry, str) else dict(entry)
    base = data.get("base")
    if isinstance(base, Mapping) and base.get("made") is not None:
        data["base"] = {**base, "made": _arm(base["made"], "generator")}
    if kind == "generator" and data.get("artifact") is not None:
        return _trained(data)
    name = data.pop("preset", None)
    if name is None:
        if "method" in data:
            data.setdefault("name", data["method"])
        return _repeatable(data, kind)
    preset = load_preset(name, kind)
    data.setdefault("name", Path(name).stem)
    data["method"] = preset.method
    own: dict[str, Any] = data.get("config", {})
    data["config"] = merge(preset.config, own)
    if preset.n_synthetic is not None:
        data.setdefault("n_synthetic", preset.n_synthetic)
    return _repeatable(data, kind)


def _repeatable(data: dict[str, Any], kind: Literal["generator", "classifier"]) -> dict[str, Any]:
    """An arm whose noise can be drawn again: a study releases no windows."""
    config = data.get("config")
    if kind == "classifier" or not isinstance(config or {}, Mapping):
        return data
    own = repeatable(str(data.get("method")), config or {})
    return {**data, "config": own} if own else data


def _trained(data: dict[str, Any]) -> dict[str, Any]:
    """The arm of an artefact: its method, configuration and weights are what the folder says."""
    path = data["artifact"]
    head = read_head(path, "generator")
    told = head["info"].get("provenance", {})
    if "adapt" in told or head["info"]["classes"]:
        raise InputError(
            f"{path}: adapted to shots already; a study adapts to the shots of each cell",
            "name the pretrained artefact that it was made from",
        )
    weights = head["weights_sha256"]
    if data.get("weights", weights) != weights:
        raise InputError(f"{path}: not the artefact that the study was made with", "train it again")
    if "preset" in data or data.get("config", head["config"]) != head["config"]:
        raise InputError(f"generator: an artefact ({path}) brings its own method and configuration")
    amount = told.get("pretrain", {}).get("n_synthetic") or "normals"
    defaults = {"name": Path(path).name, "n_synthetic": amount}
    given = {**defaults, **data}
    return {**given, "method": head["name"], "config": head["config"], "weights": weights}
