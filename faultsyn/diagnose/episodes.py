"""Episodes: which windows are support and which are query (Vinyals et al., NeurIPS 2016).

Only indices are drawn, many episodes at a time, so that drawing never limits training.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from faultsyn.errors import InputError

Indices = NDArray[np.intp]
_BLOCK = 1024  # episodes drawn at once; bounds memory
_ROUNDS = 200  # redraws of a group division before it is called impossible


@dataclass(frozen=True)
class Episodes:
    """`n` episodes over the windows of one set.

    - `classes`: `(n, way)`, positions in the sampler's `classes`, no class twice in an episode.
    - `support`: `(n, way, shot)`, `query`: `(n, way, query)`, positions of windows, none twice in
      an episode. Where shots are uneven, -1 stands behind the last shot of a class.
    """

    classes: Indices
    support: Indices
    query: Indices

    def __len__(self) -> int:
        return len(self.classes)

    @property
    def shots(self) -> Indices:
        """Support windows of each class, `(n, way)`."""
        return np.asarray((self.support >= 0).sum(axis=2), np.intp)


class EpisodeSampler:
    """Draws `way` classes, and of each `shot` support and `query` query windows.

    - `labels`: class of each window, `(n_windows,)`.
    - `shot`: a number, or (least, most): uneven episodes, in which each class has as many shots as
      it happens to draw.
    - `groups`: recording or asset of each window, `(n_windows,)`; a group then never stands on
      both sides of an episode, not even with different classes.

    Raises `InputError` on a way, shot or query below 1 (way below 2), and where there are fewer
    classes or a class has fewer windows or groups than an episode needs.
    """

    def __init__(
        self,
        labels: NDArray[Any],
        *,
        way: int,
        shot: int | tuple[int, int],
        query: int,
        groups: NDArray[Any] | None = None,
    ) -> None:
        self.least, shot = (shot, shot) if isinstance(shot, int) else shot
        if way < 2 or self.least < 1 or query < 1:
            raise InputError(
                f"episodes: expected way >= 2, shot >= 1, query >= 1, got {way}, {self.least}, "
                f"{query}"
            )
        if shot < self.least:
            raise InputError(f"episodes: expected shot = (least, most), got ({self.least}, {shot})")
        names, codes = np.unique(np.asarray(labels), return_inverse=True)
        if way > len(names):
            raise InputError(f"episodes: {way} classes asked for, the set has {len(names)}")
        self.classes = tuple(str(name) for name in names)
        self.way, self.shot, self.query = way, shot, query
        self._members = [np.flatnonzero(codes == code) for code in range(len(names))]
        for name, members in zip(self.classes, self._members, strict=True):
            if len(members) < shot + query:
                raise InputError(
                    f"episodes: class '{name}' has {len(members)} windows, {shot} support and "
                    f"{query} query windows need {shot + query}"
                )
        self._division = None
        if groups is not None:
            self._division = _Division(self.classes, codes, np.asarray(groups), shot, query)

    def draw(self, n: int, rng: np.random.Generator) -> Episodes:
        """`n` episodes; equal `rng` states give equal ones.

        Raises `InputError` when no division of the groups into support and query side gives every
        class enough windows.
        """
        sizes = [min(_BLOCK, n - start) for start in range(0, n, _BLOCK)] or [0]
        blocks = [self._draw(size, rng) for size in sizes]
        return Episodes(
            np.concatenate([block.classes for block in blocks]),
            np.concatenate([block.support for block in blocks]),
            np.concatenate([block.query for block in blocks]),
        )

    def _draw(self, n: int, rng: np.random.Generator) -> Episodes:
        chosen = rng.random((n, len(self.classes))).argsort(axis=1)[:, : self.way]
        sides = None if self._division is None else self._division.draw(chosen, rng)
        support = np.empty((n, self.way, self.shot), np.intp)
        query = np.empty((n, self.way, self.query), np.intp)
        for code, members in enumerate(self._members):
            row, slot = np.nonzero(chosen == code)
            keys = rng.random((len(row), len(members)))
            if sides is None or self._division is None:
                drawn = _lowest(keys, self.shot + self.query)
                support[row, slot] = members[drawn[:, : self.shot]]
                query[row, slot] = members[drawn[:, self.shot :]]
            else:  # a key above 1 stands on the other side
                on_support = sides[row[:, None], self._division.group[members]]
                support[row, slot] = members[_lowest(keys + ~on_support, self.shot)]
                query[row, slot] = members[_lowest(keys + on_support, self.query)]
        if self.least < self.shot:
            shots = rng.integers(self.least, self.shot, (n, self.way), endpoint=True)
            support[np.arange(self.shot) >= shots[..., None]] = -1
        return Episodes(chosen, support, query)

    def draw_apart(self, n: int, rng: np.random.Generator) -> Episodes:
        """`n` episodes for evaluation: no window is a query twice, in whichever episodes.

        Episodes that share queries count the same error again; these do not. Classes with most
        unused windows go first, so that as many episodes as possible can be had. Raises
        `InputError` saying how many there are when they are fewer than `n`.
        """
        unused = np.ones(sum(len(members) for members in self._members), bool)
        parts: list[Episodes] = []
        for number in range(n):
            made = self._apart(unused, rng)
            if made is None:
                raise InputError(
                    f"episodes: {n} without a query twice asked for, the windows allow {number}",
                    "ask for fewer episodes or fewer queries",
                )
            unused[made.query] = False
            parts.append(made)
        if not parts:
            return self.draw(0, rng)
        return Episodes(
            *(
                np.concatenate([getattr(part, name) for part in parts])
                for name in ("classes", "support", "query")
            )
        )

    def _apart(self, unused: NDArray[np.bool_], rng: np.random.Generator) -> Episodes | None:
        """An episode that queries unused windows only, or None after many trials."""
        left = np.array([np.count_nonzero(unused[members]) for members in self._members])
        if np.count_nonzero(left >= self.query) < self.way:
            return None
        order = np.lexsort((rng.random(len(left)), -(left // self.query)))
        chosen = rng.permutation(order[: self.way])[None]
        for _ in range(_ROUNDS):
            support = np.full((1, self.way, self.shot), -1)
            query = np.empty((1, self.way, self.query), np.intp)
            sides = None if self._division is None else self._division.draw(chosen, rng)[0]
            for slot, code in enumerate(chosen[0]):
                members = rng.permutation(self._members[code])
                fresh = unused[members]
                if sides is not None and self._division is not None:
                    on_support = sides[self._division.group[members]]
                    asked = members[fresh & ~on_support][: self.query]
                    shown = members[on_support]
                else:
                    asked = members[fresh][: self.query]
                    shown = members[~np.isin(members, asked)]
                if len(asked) < self.query or len(shown) < self.shot:
                    break
                most = int(rng.integers(self.least, self.shot, endpoint=True))
                query[0, slot], support[0, slot, :most] = asked, shown[:most]
            else:
                return Episodes(chosen, support, query)
        return None


class _Division:
    """Draws, for each episode, which groups may give support windows and which query windows.

    Classes that share no group are divided independently of each other; a division that leaves a
    chosen class short is drawn again.
    """

    def __init__(
        self, classes: tuple[str, ...], codes: Indices, groups: NDArray[Any], shot: int, query: int
    ) -> None:
        if len(groups) != len(codes):
            raise InputError(f"episodes: {len(groups)} groups for {len(codes)} windows")
        names, group = np.unique(groups, return_inverse=True)
        self.group: Indices = group
        self._classes, self._shot, self._query = classes, shot, query
        self._counts = np.zeros((len(classes), len(names)))
        np.add.at(self._counts, (codes, group), 1)
        for name, counts in zip(classes, self._counts, strict=True):
            if np.count_nonzero(counts) < 2:
                raise InputError(
                    f"episodes: all windows of class '{name}' are of group "
                    f"'{names[counts.argmax()]}'; support and query need different ones"
                )
        shared = csr_array(self._counts @ self._counts.T)
        self._n_parts, self._part = connected_components(shared, directed=False)

    def draw(self, chosen: Indices, rng: np.random.Generator) -> NDArray[np.bool_]:
        """True where a group is on the support side, `(n, n_groups)`."""
        wanted = np.zeros((len(chosen), len(self._classes)), bool)
        np.put_along_axis(wanted, chosen, True, axis=1)
        sides = np.zeros((len(chosen), self._counts.shape[1]), bool)
        for part in range(self._n_parts):
            classes = np.flatnonzero(self._part == part)
            groups = np.flatnonzero(self._counts[classes].sum(axis=0))
            counts = self._counts[np.ix_(classes, groups)]
            open_rows = np.flatnonzero(wanted[:, classes].any(axis=1))
            for _ in range(_ROUNDS):
                if len(open_rows) == 0:
                    break
                share = rng.random((len(open_rows), 1))
                trial = rng.random((len(open_rows), len(groups))) < share
                sides[np.ix_(open_rows, groups)] = trial
                support = trial @ counts.T
                enough = (support >= self._shot) & (counts.sum(axis=1) - support >= self._query)
                open_rows = open_rows[~(enough | ~wanted[np.ix_(open_rows, classes)]).all(axis=1)]
            if len(open_rows):
                names = ", ".join(self._classes[code] for code in classes)
                raise InputError(
                    f"episodes: the groups of {names} cannot be divided so that {self._shot} "
                    f"support and {self._query} query windows a class come from different groups",
                    "ask for fewer windows, or add recordings",
                )
        return sides


def _lowest(keys: NDArray[np.float64], n: int) -> Indices:
    """Positions of the `n` lowest keys of each row, in the order of the keys."""
    if n < keys.shape[1]:
        near = np.argpartition(keys, n - 1, axis=1)[:, :n]
        order = np.take_along_axis(keys, near, axis=1).argsort(axis=1)
        return np.take_along_axis(near, order, axis=1)
    return keys.argsort(axis=1)
