"""Arms of a study: a generator or a classifier with its settings and where it takes part."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import Field, NonNegativeInt, PositiveInt, field_validator, model_validator

from faultsyn.errors import InputError
from faultsyn.experiment.config import Strict, merge, parse
from faultsyn.experiment.needs import Needs
from faultsyn.experiment.presets import Amount
from faultsyn.experiment.task import (
    Budget,
    Cap,
    Filters,
    Label,
    RepresentationSpec,
    Select,
    Shots,
    Task,
    Texts,
)
from faultsyn.registry import nearest

Control = Literal["shuffled labels", "metadata only", "permuted names"]

Seeds = PositiveInt | tuple[NonNegativeInt, ...]


class Limits(Strict):
    """Where a method takes part, and what that takes; nothing here changes a result.

    - `seeds`: the first so many of the study's seeds, or a list of them; left out, all.
    - `k`: shots; `tasks`: names of tasks; left out, all.
    - `needs`: resources that its cells need on a cluster, where the study's are not enough.
    """

    seeds: Seeds | None = None
    k: tuple[Shots, ...] | None = None
    tasks: tuple[str, ...] | None = None
    needs: Needs | None = None

    def allow(self, task: str, k: int | str, seed: int, seeds: Sequence[int]) -> bool:
        """Whether the method takes part in this cell."""
        chosen = tuple(seeds) if self.seeds is None else self.seeds
        of_seeds = tuple(seeds)[:chosen] if isinstance(chosen, int) else chosen
        return (
            seed in of_seeds
            and (self.k is None or k in self.k)
            and (self.tasks is None or task in self.tasks)
        )


class GeneratorArm(Limits):
    """A generator of a study, resolved.

    - `name`: what the results call it; `method`, `config`: see `faultsyn.synth`.
    - `n_synthetic`: synthetic windows per fault class (see `Amount`).
    - `artifact`: folder of a pretrained generator, which is adapted to each cell's shots; a fold
      that tests on what it has seen is refused. `weights`: hash of what it has learned.
    - `real_shots`: share of each class's shots that the classifier gets beside the synthetic
      windows: 1: all, 0: only synthetic windows of faults. The generator has all of them. It is
      what would have to leave the plant; the normals do in any case.
    """

    name: str
    method: str
    config: dict[str, Any] = Field(default_factory=dict)
    n_synthetic: Amount
    artifact: str | None = None
    weights: str | None = None
    real_shots: float = Field(default=1.0, ge=0, le=1)

    @model_validator(mode="after")
    def _something_is_left(self) -> GeneratorArm:
        if self.real_shots < 1 and self.n_synthetic in (0, "balance"):
            raise ValueError("real_shots below 1 needs synthetic windows of every class")
        return self

    @property
    def numerics(self) -> dict[str, Any]:
        """What can change a result; the name decides the random numbers."""
        # The weights count, not where they lie; arms without have keys as before there were any.
        left_out = {*Limits.model_fields, "artifact"}
        if self.weights is None:
            left_out.add("weights")
        if self.real_shots == 1:
            left_out.add("real_shots")
        return self.model_dump(mode="json", exclude=left_out)


class OtherMachines(Strict):
    """Labelled windows of another store, for meta-training: simulated rigs or other machines.

    They are cut to the length and brought to the rate of the task's windows.

    - `store`: its path; `where`: filters of its recordings.
    - `channels` or `select`: which channels take the place of the task's, in their order.
    - `label`: their classes. A class of the task's own base set by the same name is the same class.
    - `cap`: at most so many windows of each combination of columns.
    - `budget`: what an arm that sees them may see in all, printed beside its results.
    """

    store: str
    where: Filters = ()
    channels: Texts = ()
    select: Select | None = None
    label: Label
    cap: Cap | None = None
    budget: Budget

    @model_validator(mode="after")
    def _complete(self) -> OtherMachines:
        if bool(self.channels) == (self.select is not None):
            raise ValueError("give channels or select, one of the two")
        return self


class BaseSpec(Strict):
    """What a learner is meta-trained on.

    - `own`: the task's own base set: other classes where it holds classes out, else the fold's
      training normals.
    - `other`: windows of other machines.
    - `made`: a generator that makes more windows of the base set's fault classes from those there.
    - `draws`: how many times the learner is meta-trained; the study's seeds take turns.
    """

    own: bool = True
    other: OtherMachines | None = None
    made: GeneratorArm | None = None
    draws: PositiveInt = 1

    @model_validator(mode="after")
    def _something(self) -> BaseSpec:
        if not self.own and self.other is None:
            raise ValueError("own: false leaves nothing to learn from; name other machines")
        if self.made is not None and self.made.artifact is not None:
            raise ValueError("made: takes a preset or a method, no artefact")
        return self

    @property
    def numerics(self) -> dict[str, Any]:
        """What decides the windows; where the other store lies does not."""
        told = self.model_dump(mode="json", exclude={"made": True, "other": {"store", "budget"}})
        return {**told, "made": None if self.made is None else self.made.numerics}


class ClassifierArm(Limits):
    """A classifier of a study, resolved.

    - `name`: what the results call it; `method`, `config`: see `faultsyn.diagnose`.
    - `representation`: keys of the task's representation that this classifier wants otherwise.
    - `generators`: names of the generators it is paired with; left out, all of them.
    - `base`: what a learner is meta-trained on; left out, the task's own base set.
    - `control`: makes it a negative control (see `faultsyn.experiment.controls`).
    """

    name: str
    method: str
    config: dict[str, Any] = Field(default_factory=dict)
    representation: dict[str, Any] = Field(default_factory=dict)
    generators: tuple[str, ...] | None = None
    base: BaseSpec | None = None
    control: Control | None = None

    @field_validator("representation")
    @classmethod
    def _keys(cls, value: dict[str, Any]) -> dict[str, Any]:
        for key in value:
            if key not in RepresentationSpec.model_fields:
                hint = nearest(key, RepresentationSpec.model_fields)
                raise InputError(f"representation: unknown key '{key}'", hint)
        return value

    @property
    def numerics(self) -> dict[str, Any]:
        """What can change a result; the name decides the random numbers."""
        left_out = {*Limits.model_fields, "generators", "base"}
        told = self.model_dump(mode="json", exclude=left_out)
        # Arms without a base set of their own have keys as before there were any.
        return told if self.base is None else {**told, "base": self.base.numerics}

    def budget_of(self, task: Task) -> str:
        """What the arm may see, as the results print it."""
        other = None if self.base is None else self.base.other
        budget = task.budget if other is None else other.budget
        return f"{budget.kind}: {budget.text}"

    def representation_of(self, task: Task) -> RepresentationSpec:
        """The task's representation with this classifier's changes."""
        own = merge(task.representation.model_dump(), self.representation)
        return parse(RepresentationSpec, own, f"classifier '{self.name}'")
