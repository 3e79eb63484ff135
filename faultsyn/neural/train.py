"""The one training loop."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from faultsyn.errors import InputError
from faultsyn.neural.checkpoint import Checkpoint
from faultsyn.neural.device import autocast, device_of
from faultsyn.neural.history import History
from faultsyn.neural.private import private_gradients
from faultsyn.neural.recipe import Recipe
from faultsyn.neural.state import Player, TrainingState, copies, identity
from faultsyn.neural.turn import Loss, Turn

Progress = Callable[[int, int, str], None]
"""Called with the steps done, the steps in all, and how it goes."""

Guard = Callable[[History], str | None]
"""Looks at the module in `eval` mode; "" when all is well, else what is wrong.

None when it is too early to say: such a look counts for nothing."""

log = logging.getLogger(__name__)

_ALONE = "loss"  # the turn of a run with one player


def train(
    module: nn.Module,
    loss: Loss | Sequence[Turn],
    generator: torch.Generator,
    recipe: Recipe,
    what: str,
    *,
    held_out: Callable[[], float] | None = None,
    guard: Guard | None = None,
    progress: Progress | None = None,
    checkpoint: Checkpoint | None = None,
) -> History:
    """Train the parameters of `module` that require a gradient, in place; it ends in `eval` mode.

    - `loss`: draws a batch with the generator it is handed and returns its scalar loss. It must
      take no other random numbers and keep no state, or a resumed run would differ. Networks that
      train against each other are parts of `module` and give a list of `Turn`: each step, every
      turn is taken in order. A turn may be private (`Turn.private`, DP-SGD).
    - `generator`: on the CPU; equal states give equal weights there.
    - `what`: who trains, for errors and logs.
    - `held_out`: loss on windows that `loss` never draws, with noise of its own that does not
      change between calls. Given, training stops when it no longer falls, and the weights with
      the lowest one are kept. It sees the averaged weights where the recipe averages.
    - `guard`: called at each check, with the averaged weights where the recipe averages; it must
      give the same answer when called again. Training stops after `patience` checks in a row with
      something wrong, or at once when a loss or gradient is not finite, and ends with the weights
      of the last check at which all was well; the history says what was wrong.
    - `progress`: called at each check.
    - `checkpoint`: where to save the run and to go on from; killed and called again with the same
      arguments, a run on the CPU ends with the same weights as one that was not.

    Raises `InputError` when a loss or gradient is not finite and there is no guard; the module then
    holds the last good weights. Also on a checkpoint of another run, and when all is frozen.
    """
    turns = (Turn(_ALONE, module, loss),) if callable(loss) else tuple(loss)
    state = TrainingState(module, turns, generator, recipe, what)
    name = identity(state, recipe, what) if checkpoint is not None else ""
    saved = checkpoint.load(name) if checkpoint is not None else None
    if saved is not None:
        state.restore(saved)
        log.info("%s: resumed at step %d", what, state.history.steps)
    good = state.outcome()
    started = time.monotonic() - state.history.seconds
    module.train()
    while state.history.stopped == "running" and state.history.steps < recipe.steps:
        try:
            good = _step(state, recipe, good)
        except _NotFiniteError as error:
            if guard is None:
                state.put(good)
                module.eval()
                raise error.told(recipe, what) from None
            state.best = good if state.best is None else state.best
            state.history.troubles.append((state.history.steps, str(error)))
            state.history.stopped = "guard"
            break
        state.history.seconds = time.monotonic() - started
        done = state.history.steps
        if recipe.seconds is not None and state.history.seconds >= recipe.seconds:
            state.history.stopped = "seconds"
        if done % recipe.check_every == 0 or done == recipe.steps or _ended(state.history):
            _check(state, recipe, held_out, guard)
            if progress is not None:
                progress(done, recipe.steps, _detail(state.history, recipe))
        if checkpoint is not None and checkpoint.due(done):
            checkpoint.save(name, state.tensors(), state.history.as_json())
    if not _ended(state.history):
        state.history.stopped = "steps"
    if checkpoint is not None:
        checkpoint.save(name, state.tensors(), state.history.as_json())
    state.put(state.outcome())
    module.eval()
    log.info("%s: %d steps, stopped by %s", what, state.history.steps, state.history.stopped)
    return state.history


class _NotFiniteError(Exception):
    """A loss or gradient is NaN or infinite."""

    def __init__(self, turn: Turn, thing: str, value: float, step: int) -> None:
        whose = "" if turn.name == _ALONE else f"{turn.name} "
        super().__init__(f"training {whose}{thing} is {value} at step {step}")

    def told(self, recipe: Recipe, what: str) -> InputError:
        return InputError(
            f"{what}: {self}",
            f"lower learning_rate (now {recipe.learning_rate:g}), or look for outliers and "
            "constant channels in the windows; the last good weights are kept",
        )


def _step(state: TrainingState, recipe: Recipe, good: dict[str, Tensor]) -> dict[str, Tensor]:
    """Every player's updates; the weights to fall back on, renewed at each check before these."""
    history, step = state.history, state.history.steps
    fresh = state.outcome() if step % recipe.check_every == 0 else good
    means: dict[str, float] = {}
    last = math.nan
    for player in state.players:
        taken = []
        for _ in range(player.turn.repeats):
            last = _update(state, player, recipe)
            taken.append(last)
        means[player.turn.name] = sum(taken) / len(taken)
    if state.average is not None:
        state.average.update(state.module)
    if len(state.players) > 1:
        for name, mean in means.items():
            history.turns.setdefault(name, []).append(mean)
    history.losses.append(last)
    return fresh


def _update(state: TrainingState, player: Player, recipe: Recipe) -> float:
    """One update of one player; its loss before."""
    turn, step = player.turn, state.history.steps
    for group in player.optimiser.param_groups:
        group["lr"] = turn.rate * recipe.rate(step, state.history.seconds)
    player.optimiser.zero_grad(set_to_none=True)
    number, norm = _gradients(state, player, recipe)
    if not math.isfinite(number):
        raise _NotFiniteError(turn, "loss", number, step)
    if not math.isfinite(norm):
        raise _NotFiniteError(turn, "gradient", norm, step)
    player.optimiser.step()
    if turn.after is not None:
        turn.after()
    return number


def _gradients(state: TrainingState, player: Player, recipe: Recipe) -> tuple[float, float]:
    """Fill in a player's gradients; its loss and their norm."""
    turn = player.turn
    parameters = list(player.parameters.values())
    if turn.private is not None:
        assert not callable(turn.loss)
        number = private_gradients(
            turn.player, player.optimiser, turn.loss, turn.private, state.generator
        )
        return number, float(
            nn.utils.get_total_norm([p.grad for p in parameters if p.grad is not None])
        )
    assert callable(turn.loss)
    with autocast(device_of(state.module)):
        value = turn.loss(state.generator)
    number = float(value.detach())
    if not math.isfinite(number):
        return number, number
    torch.autograd.backward(value, inputs=parameters)
    limit = math.inf if recipe.clip is None else recipe.clip
    return number, float(nn.utils.clip_grad_norm_(parameters, limit))


def _check(
    state: TrainingState,
    recipe: Recipe,
    held_out: Callable[[], float] | None,
    guard: Guard | None,
) -> None:
    """Look at the averaged weights, and keep them where they are the best or the last good ones."""
    if held_out is None and guard is None:
        return
    last = copies(state.current())
    state.put(state.averaged())
    state.module.eval()
    trouble = "" if guard is None else guard(state.history)
    if trouble is not None:
        _judged(state, recipe, trouble, None if held_out is None else held_out())
    state.put(last)
    state.module.train()


def _judged(state: TrainingState, recipe: Recipe, trouble: str, score: float | None) -> None:
    """Note a look at the weights that the module holds now: what is wrong, and their loss."""
    history = state.history
    better = not trouble and (score is None or score < history.best_loss)
    if score is not None:
        history.held_out.append((history.steps, score))
    if trouble:
        history.troubles.append((history.steps, trouble))
    if better:
        history.best, history.since = history.steps, 0
        state.best = copies(state.current())
        return
    history.since += 1
    if history.since >= recipe.patience and not _ended(history):
        history.stopped = "guard" if trouble else "patience"


def _ended(history: History) -> bool:
    return history.stopped != "running"


def _detail(history: History, recipe: Recipe) -> str:
    recent = history.losses[-recipe.check_every :]
    text = f"loss {sum(recent) / len(recent):.4g}"
    return text + (f", held-out {history.held_out[-1][1]:.4g}" if history.held_out else "")
