"""The one training loop."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn

from faultsyn.errors import InputError
from faultsyn.neural.checkpoint import Checkpoint
from faultsyn.neural.device import autocast, device_of
from faultsyn.neural.history import History
from faultsyn.neural.recipe import Recipe
from faultsyn.neural.state import TrainingState, copies, identity

Progress = Callable[[int, int, str], None]
"""Called with the steps done, the steps in all, and how it goes."""

log = logging.getLogger(__name__)


def train(
    module: nn.Module,
    loss: Callable[[torch.Generator], Tensor],
    generator: torch.Generator,
    recipe: Recipe,
    what: str,
    *,
    held_out: Callable[[], float] | None = None,
    progress: Progress | None = None,
    checkpoint: Checkpoint | None = None,
) -> History:
    """Train the parameters of `module` that require a gradient, in place; it ends in `eval` mode.

    - `loss`: draws a batch with the generator it is handed and returns its scalar loss. It must
      take no other random numbers and keep no state, or a resumed run would differ.
    - `generator`: on the CPU; equal states give equal weights there.
    - `what`: who trains, for errors and logs.
    - `held_out`: loss on windows that `loss` never draws, with noise of its own that does not
      change between calls. Given, training stops when it no longer falls, and the weights with
      the lowest one are kept. It sees the averaged weights where the recipe averages.
    - `progress`: called at each check.
    - `checkpoint`: where to save the run and to go on from; killed and called again with the same
      arguments, a run on the CPU ends with the same weights as one that was not.

    Raises `InputError` when a loss or gradient is not finite; the module then holds the last good
    weights. Also on a checkpoint of another run, and when every parameter is frozen.
    """
    state = TrainingState(module, generator, recipe, what)
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
            good = _step(state, loss, recipe, what, good)
        except _NotFiniteError as error:
            state.put(good)
            module.eval()
            raise error.told(recipe) from None
        state.history.seconds = time.monotonic() - started
        done = state.history.steps
        if recipe.seconds is not None and state.history.seconds >= recipe.seconds:
            state.history.stopped = "seconds"
        if done % recipe.check_every == 0 or done == recipe.steps or _ended(state.history):
            _check(state, recipe, held_out)
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

    def __init__(self, what: str, thing: str, value: float, step: int) -> None:
        super().__init__(f"{what}: training {thing} is {value} at step {step}")

    def told(self, recipe: Recipe) -> InputError:
        return InputError(
            str(self),
            f"lower learning_rate (now {recipe.learning_rate:g}), or look for outliers and "
            "constant channels in the windows; the last good weights are kept",
        )


def _step(
    state: TrainingState,
    loss: Callable[[torch.Generator], Tensor],
    recipe: Recipe,
    what: str,
    good: dict[str, Tensor],
) -> dict[str, Tensor]:
    """One update; the weights to fall back on, renewed at each check before the update.

    Before, because these weights have just given a finite loss.
    """
    step = state.history.steps
    for group in state.optimiser.param_groups:
        group["lr"] = recipe.rate(step, state.history.seconds)
    with autocast(device_of(state.module)):
        value = loss(state.generator)
    number = float(value.detach())
    if not math.isfinite(number):
        raise _NotFiniteError(what, "loss", number, step)
    state.optimiser.zero_grad(set_to_none=True)
    torch.autograd.backward(value)
    limit = math.inf if recipe.clip is None else recipe.clip
    norm = float(nn.utils.clip_grad_norm_(state.parameters.values(), limit))
    if not math.isfinite(norm):
        raise _NotFiniteError(what, "gradient", norm, step)
    if step % recipe.check_every == 0:
        good = state.outcome()
    state.optimiser.step()
    if state.average is not None:
        state.average.update(state.module)
    state.history.losses.append(number)
    return good


def _check(state: TrainingState, recipe: Recipe, held_out: Callable[[], float] | None) -> None:
    if held_out is None:
        return
    last = copies(state.current())
    state.put(state.averaged())
    state.module.eval()
    score = held_out()
    history = state.history
    if score < history.best_loss:
        history.best, history.since = history.steps, 0
        state.best = copies(state.current())
    else:
        history.since += 1
    history.held_out.append((history.steps, score))
    state.put(last)
    state.module.train()
    if history.since >= recipe.patience and not _ended(history):
        history.stopped = "patience"


def _ended(history: History) -> bool:
    return history.stopped != "running"


def _detail(history: History, recipe: Recipe) -> str:
    recent = history.losses[-recipe.check_every :]
    text = f"loss {sum(recent) / len(recent):.4g}"
    return text + (f", held-out {history.held_out[-1][1]:.4g}" if history.held_out else "")
