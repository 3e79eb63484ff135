"""Players that take turns in the training loop, and the guard that watches them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from faultsyn.errors import InputError
from faultsyn.neural import Checkpoint, History, Recipe, Turn, seeded, train

PLAIN = Recipe(
    12, 0.05, weight_decay=0.0, betas=(0.0, 0.9), decay="constant", warm_up=0.0, clip=None
)


def fixed(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


class Game(nn.Module):
    """Two small networks: one makes numbers, the other tells them from a normal sample."""

    def __init__(self) -> None:
        super().__init__()
        self.judge = nn.Sequential(nn.Linear(2, 6), nn.Tanh(), nn.Linear(6, 1))
        self.maker = nn.Linear(3, 2)

    def judged(self, generator: torch.Generator) -> Tensor:
        made = self.maker(torch.randn(8, 3, generator=generator))
        real = torch.randn(8, 2, generator=generator) + 1.0
        loss: Tensor = self.judge(made).mean() - self.judge(real).mean()
        return loss + self.judge[0].weight.square().sum()

    def made(self, generator: torch.Generator) -> Tensor:
        loss: Tensor = -self.judge(self.maker(torch.randn(8, 3, generator=generator))).mean()
        return loss

    def turns(self, repeats: int = 3) -> list[Turn]:
        return [
            Turn("judge", self.judge, self.judged, repeats),
            Turn("maker", self.maker, self.made, rate=0.5),
        ]


def game() -> Game:
    made = seeded(Game, fixed(1))
    assert isinstance(made, Game)
    return made


def same(a: nn.Module, b: nn.Module) -> bool:
    pairs = zip(a.state_dict().values(), b.state_dict().values(), strict=True)
    return all(torch.equal(x, y) for x, y in pairs)


def test_turns_are_two_adams_that_move_their_own_player_alone() -> None:
    ours, theirs = game(), game()
    history = train(ours, ours.turns(), fixed(), PLAIN, "game")
    generator = fixed()
    judge = torch.optim.Adam(theirs.judge.parameters(), lr=0.05, betas=(0.0, 0.9))
    maker = torch.optim.Adam(theirs.maker.parameters(), lr=0.025, betas=(0.0, 0.9))
    judged, made = [], []
    for _ in range(12):
        taken = []
        for _ in range(3):
            judge.zero_grad()
            loss = theirs.judged(generator)
            loss.backward()
            judge.step()
            taken.append(float(loss.detach()))
        judged.append(sum(taken) / 3)
        maker.zero_grad()
        loss = theirs.made(generator)
        loss.backward()
        maker.step()
        made.append(float(loss.detach()))
    for name, weight in ours.state_dict().items():
        assert torch.allclose(weight, theirs.state_dict()[name], atol=1e-6), name
    assert history.losses == pytest.approx(made, abs=1e-5)
    assert history.turns["judge"] == pytest.approx(judged, abs=1e-5)
    assert History.from_json(history.as_json()) == history


def test_what_comes_after_an_update_holds_at_the_end() -> None:
    ours = game()

    def clip() -> None:
        with torch.no_grad():
            for parameter in ours.judge.parameters():
                parameter.clamp_(-0.01, 0.01)

    turns = [replace(ours.turns()[0], after=clip), ours.turns()[1]]
    train(ours, turns, fixed(), PLAIN, "game")
    assert max(float(p.detach().abs().max()) for p in ours.judge.parameters()) <= 0.01 + 1e-9


def played(
    checkpoint: Checkpoint | None, die_at: int = -1, guard: bool = False
) -> tuple[Game, History]:
    ours, calls = game(), 0

    def watch(history: History) -> str:
        nonlocal calls
        calls += 1
        if calls == die_at:
            raise KeyboardInterrupt
        return "too old" if guard and history.steps > 20 else ""

    recipe = replace(PLAIN, steps=40, ema=0.9, check_every=4, patience=2, clip=1.0)
    history = train(
        ours, ours.turns(), fixed(3), recipe, "game", guard=watch, checkpoint=checkpoint
    )
    return ours, history


@pytest.mark.parametrize("die_at", [1, 4])
@pytest.mark.parametrize("guard", [False, True])
def test_an_interrupted_game_ends_with_the_same_weights(
    tmp_path: Path, die_at: int, guard: bool
) -> None:
    whole, history = played(None, guard=guard)
    checkpoint = Checkpoint(tmp_path / "run", every_steps=3)
    with pytest.raises(KeyboardInterrupt):
        played(checkpoint, die_at, guard)
    again, resumed = played(checkpoint, guard=guard)
    assert same(again, whole)
    assert resumed.losses == history.losses
    assert resumed.troubles == history.troubles


def test_a_guard_stops_and_leaves_the_last_good_weights() -> None:
    ours, history = played(None, guard=True)
    assert history.stopped == "guard"
    assert history.best == 20
    assert history.troubles == [(24, "too old"), (28, "too old")]
    until = game()
    recipe = replace(PLAIN, steps=20, ema=0.9, clip=1.0)
    train(until, until.turns(), fixed(3), recipe, "until")
    assert same(ours, until)


def test_with_a_guard_what_is_not_finite_is_told_and_not_raised() -> None:
    ours, calls = game(), 0

    def broken(generator: torch.Generator) -> Tensor:
        nonlocal calls
        calls += 1
        return ours.made(generator) * (torch.nan if calls == 8 else 1.0)

    turns = [ours.turns()[0], Turn("maker", ours.maker, broken)]
    recipe = replace(PLAIN, steps=40, check_every=5)
    history = train(ours, turns, fixed(), recipe, "game", guard=lambda history: "")
    assert history.stopped == "guard"
    assert history.troubles == [(7, "training maker loss is nan at step 7")]
    until = game()
    turns = [until.turns()[0], Turn("maker", until.maker, until.made)]
    train(until, turns, fixed(), replace(PLAIN, steps=5), "until")
    assert same(ours, until)
    with pytest.raises(InputError, match="game: training maker loss is nan at step 0"):
        train(ours, [Turn("maker", ours.maker, lambda g: ours.made(g) * torch.nan)], fixed(),
              PLAIN, "game")  # fmt: skip


@pytest.mark.parametrize("wrong", [{"name": "a.b"}, {"repeats": 0}, {"rate": 0.0}])
def test_senseless_turns_are_refused(wrong: dict[str, object]) -> None:
    ours = game()
    with pytest.raises(InputError, match=f"expected .*{next(iter(wrong))}"):
        replace(ours.turns()[0], **wrong)
