"""A base set as learners see it: windows, or feature rows scaled by the base set alone."""

from __future__ import annotations

from copy import copy

from faultsyn.artifact import config_hash
from faultsyn.experiment.base_sets import BaseSet, made_for
from faultsyn.experiment.synthesis import space_of
from faultsyn.experiment.views import BaseView, FoldFeatures
from faultsyn.windows import NORMAL, WindowSet, concat


def base_view(base: BaseSet, features: FoldFeatures | None) -> BaseView:
    """The base set's feature rows or, without `features`, its windows, with what is made of them.

    Raises `InputError` when its generator cannot work here.
    """
    key = config_hash({"base": base.key, "features": None if features is None else features.parts})
    whole = concat(_parts(base, features))
    if features is None:
        made = [] if base.made is None else [made_for(base.made, whole, "windows", key)]
        return BaseView(concat([whole, *made]), key, None)
    representation = copy(features.representation)  # shared by cells, its row scaling is not
    representation.fit_rows(whole.of(NORMAL), whole)
    rows = representation.row_transform(whole)
    if base.made is None:
        return BaseView(rows, key, representation)
    if space_of(base.made, "features") == "features":
        made_rows = made_for(base.made, rows, "features", key)
    else:
        raw = made_for(base.made, concat(_parts(base, None)), "features", key)
        made_rows = representation.row_transform(features.compute(raw))
    return BaseView(concat([rows, made_rows]), key, representation)


def _parts(base: BaseSet, features: FoldFeatures | None) -> list[WindowSet]:
    """The parts of the base set, as windows or as rows that are not scaled yet."""
    data, parts = base.data, []
    if len(base.own):
        own = data.windows if features is None else features.rows("windows", data.windows)
        parts.append(own.take(base.own))
    if len(base.overlapping) and data.overlapping is not None:
        more = data.overlapping
        if features is not None:
            more = features.rows("overlapping", data.overlapping)
        parts.append(more.take(base.overlapping))
    if base.other is not None:
        there = base.other.windows
        parts.append(there if features is None else features.rows_of(base.other.key, there))
    return parts
