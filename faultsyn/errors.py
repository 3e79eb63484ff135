"""Errors that a user can act on: what is wrong, and what to do about it."""

from __future__ import annotations


class FaultsynError(Exception):
    """Bad input or a broken rule of the protocol; the command line shows it as one line.

    - `message`: what is wrong, naming the file, channel or key, what was expected and what came.
    - `hint`: what to do about it; may be empty.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message


class InputError(FaultsynError):
    """A file, a configuration or an argument is not what it must be."""


class StoreError(FaultsynError):
    """A store cannot be opened, written or trusted."""


class LeakError(FaultsynError):
    """Training and test share something that the protocol forbids them to share."""
