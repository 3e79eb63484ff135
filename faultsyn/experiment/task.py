"""Tasks: which windows, which classes, which split, what an arm may see. One YAML file each."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PositiveFloat, PositiveInt, model_validator

from faultsyn.errors import InputError
from faultsyn.experiment.config import Strict, merge, parse, read_yaml
from faultsyn.experiment.filters import Filter
from faultsyn.resources import find

FOLDER = "experiments/tasks"

Level = Literal["asset", "machine", "condition", "recording", "window"]
"""What a split holds out, most to least trusted."""

Shots = PositiveInt | Literal["all"]


def _listed(value: Any) -> Any:
    """A single value where a list may stand."""
    return value if isinstance(value, (list, tuple)) else [value]


def _texts(value: Any) -> Any:
    """Text of class names that YAML reads as numbers."""
    if isinstance(value, (list, tuple)):
        return [str(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): str(item) for key, item in value.items()}
    return value if value is None else str(value)


Text = Annotated[str, BeforeValidator(_texts)]
TextMap = Annotated[dict[str, str], BeforeValidator(_texts)]
Texts = Annotated[tuple[str, ...], BeforeValidator(_listed), BeforeValidator(_texts)]
Filters = Annotated[tuple[Filter, ...], BeforeValidator(_listed)]


class Select(Strict):
    """One channel, chosen for each recording ("the sensor at the faulty end").

    - `column`: the recording column that decides.
    - `channels`: value of that column -> channel.
    - `name`: what the chosen channel is called.
    """

    column: str
    channels: TextMap
    name: str = "signal"


class Window(Strict):
    """What one window is.

    - `rate`: samples per second [Hz] that all channels are brought to.
    - `samples` or `seconds`: its length, one of the two.
    - `channels` or `select`: its channels, one of the two.
    - `stride`: samples from one window's start to the next; none = disjoint windows.
    - `normal_stride`: stride of additional, overlapping normal windows of the training recordings;
      they are handed to `meta_fit` only.
    """

    rate: PositiveFloat
    samples: PositiveInt | None = None
    seconds: PositiveFloat | None = None
    channels: Texts = ()
    select: Select | None = None
    stride: PositiveInt | None = None
    normal_stride: PositiveInt | None = None

    @property
    def length(self) -> int:
        """Samples of one window."""
        return self.samples or round(float(self.seconds or 0) * self.rate)

    @model_validator(mode="after")
    def _complete(self) -> Window:
        if (self.samples is None) == (self.seconds is None):
            raise ValueError("give samples or seconds, one of the two")
        if bool(self.channels) == (self.select is not None):
            raise ValueError("give channels or select, one of the two")
        if self.stride is not None and self.stride < self.length:
            raise ValueError(
                f"stride {self.stride} < {self.length} samples would let windows overlap, also in "
                "the test set; use normal_stride for more training normals"
            )
        return self


class Label(Strict):
    """What is to be told apart.

    - `column`: the recording column or columns (joined by "-") that give the class.
    - `map`: value -> class, where several values are one class; unlisted values stay.
    - `classes`: the classes in order; windows of others are left out.
    - `normal`: the class that is healthy, or none.
    - `ordered`: the classes are levels of a severity; the windows then carry it as a number in
      the column `severity`, taken from the class names.
    """

    column: Texts
    classes: Texts = Field(min_length=2)
    normal: Text | None = None
    map: TextMap = Field(default_factory=dict)
    ordered: bool = False

    @model_validator(mode="after")
    def _consistent(self) -> Label:
        if len(set(self.classes)) != len(self.classes):
            raise ValueError("a class is named twice")
        if self.normal is not None and self.normal not in self.classes:
            raise ValueError(f"normal '{self.normal}' is not one of the classes {self.classes}")
        if self.ordered:
            try:
                [float(name) for name in self.classes]
            except ValueError:
                raise ValueError("ordered classes must be numbers") from None
        return self


class Cap(Strict):
    """At most `n` windows, spread evenly, for each combination of `columns`."""

    columns: Texts
    n: PositiveInt


class Split(Strict):
    """Who is tested on what. Nothing named by `groups` may stand on both sides.

    - `scheme`: "leave-one-out" (each group in turn), "kfold" (`folds` sets of groups, dealt
      class by class, drawn anew `partitions` times), "fixed" (`train` and `test` filters),
      "window" (random windows: it leaks, and exists to measure how much), or "episodes" (see
      `novel`).
    - `groups`: the columns whose joint value is a group.
    - `level`: what a group is; it names the split in the results.
    - `train`, `test`: filters of either side; every scheme obeys them.
    - `pinned`: classes that are only trained on, for want of a second group.
    - `novel`: sets of classes held out in turn; the others are the base set. Each of `episodes`
      draws `way` of them, shots from the training side and `queries` a class from the test side.
    """

    scheme: Literal["leave-one-out", "kfold", "fixed", "window", "episodes"]
    level: Level
    groups: Texts = ()
    folds: PositiveInt = 5
    partitions: PositiveInt = 1
    train: Filters = ()
    test: Filters = ()
    pinned: Texts = ()
    novel: tuple[Texts, ...] = ()
    way: PositiveInt = 5
    queries: PositiveInt = 15
    episodes: PositiveInt = 100

    @model_validator(mode="after")
    def _complete(self) -> Split:
        if self.scheme == "episodes":
            self._complete_episodes()
        elif self.novel:
            raise ValueError("novel classes go with scheme 'episodes'")
        elif (self.scheme == "window") != (self.level == "window"):
            raise ValueError("scheme 'window' and level 'window' go together")
        if self.level != "window" and not self.groups:
            raise ValueError("say which columns make a group")
        if self.scheme == "fixed" and not (self.train and self.test):
            raise ValueError("scheme 'fixed' needs the filters train and test")
        if self.scheme in ("kfold", "window") and self.folds < 2:
            raise ValueError("needs at least two folds")
        return self

    def _complete_episodes(self) -> None:
        if not self.novel or min(len(names) for names in self.novel) < self.way or self.way < 2:
            raise ValueError(f"every set of novel classes needs at least way = {self.way} >= 2")
        if (self.level == "window") == bool(self.train and self.test):
            raise ValueError("give the filters train and test, or level 'window' without them")


class Draw(Strict):
    """How the K shots of a class are drawn from its training windows.

    - `draw`: "random"; "one-event" (all from one joint value of `event`, drawn among those with
      K windows); "onset" (the first K windows of one recording, from the column `onset` on).
    """

    draw: Literal["random", "one-event", "onset"] = "random"
    event: Texts = ()

    @model_validator(mode="after")
    def _complete(self) -> Draw:
        if (self.draw == "one-event") != bool(self.event):
            raise ValueError("draw 'one-event' and the columns 'event' go together")
        return self


class Budget(Strict):
    """What an arm may see, declared; arms are compared within one budget.

    - `kind`: "normal+shots"; "normal+other-faults" (classes that are not tested); "other-machines".
    - `text`: the same in words, printed beside the results.
    """

    kind: Literal["normal+shots", "normal+other-faults", "other-machines"] = "normal+shots"
    text: str


class Healthy(Strict):
    """Normal windows outside the classes, for generators that pretrain on them.

    - `where`: which recordings.
    - `select`: their channel, where the window's `select` says nothing about them.
    """

    where: Filters
    select: Select | None = None


class RepresentationSpec(Strict):
    """How windows become feature rows (see `faultsyn.signal.representation`)."""

    features: str
    params: dict[str, Any] = Field(default_factory=dict)
    channels: Literal["none", "zscore", "whiten"] = "none"
    rows: Literal["none", "standardise", "residual"] = "standardise"
    drop: int = Field(default=0, ge=0)


class Task(Strict):
    """A diagnosis problem on a store. PROTOCOL of the fields: see `docs/protocol.md`.

    - `name`, `about`: one word; one sentence or two.
    - `store`: path of the store.
    - `where`: filters of recordings; a recording meets one of them.
    - `normals`: at most so many normal windows are drawn from training; none = all.
    - `k`: shots per fault class, numbers or "all".
    - `metadata`: columns of the metadata-only control; none = load, rpm, start and index of the
      window, those that exist and do not give the label away.
    """

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    about: str = ""
    store: str
    where: Filters = ()
    window: Window
    label: Label
    cap: Cap | None = None
    split: Split
    normals: PositiveInt | None = None
    healthy: Healthy | None = None
    shots: Draw = Draw()
    k: tuple[Shots, ...] = Field(min_length=1)
    budget: Budget
    representation: RepresentationSpec
    metadata: Texts | None = None

    @property
    def numerics(self) -> dict[str, Any]:
        """Everything that can change a result, and nothing else."""
        left_out: dict[str, Any] = dict.fromkeys(("about", "store", "k", "budget"), True)
        if self.split.scheme != "episodes":
            left_out["split"] = {"novel", "way", "queries", "episodes"}
        return self.model_dump(mode="json", exclude=left_out)


def load_task(source: str | Path | Mapping[str, Any], **over: Any) -> Task:
    """A task by name, path or mapping; keys of `over` replace its own, mappings are merged.

    Raises `InputError` naming the file, the key and the nearest valid key.
    """
    if isinstance(source, Mapping):
        data, where = dict(source), f"task '{source.get('name', '?')}'"
    else:
        path = find(source, FOLDER)
        data, where = read_yaml(path), str(path)
        if "name" in data and path.stem != data["name"]:
            raise InputError(f"{path}: says name: {data['name']}", "name the file after the task")
    return parse(Task, merge(data, over), where)
