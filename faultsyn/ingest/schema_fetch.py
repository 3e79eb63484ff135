"""What a card may say of files to download."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import ClassVar
from urllib.parse import unquote, urlsplit

from pydantic import Field, model_validator

from faultsyn.ingest.strict_model import Strict


class Download(Strict):
    """A file of the publisher's that `faultsyn fetch` gets.

    - `url`: http, https or file. - `file`: name below the folder; the end of the url by default.
    - `sha256`, `size` (bytes): of the file as published. - `unpack`: it is an archive.
    """

    short: ClassVar[str] = "url"
    url: str = Field(pattern=r"^(?:https?|file)://\S+$")
    file: str | None = None
    sha256: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")
    size: int | None = Field(default=None, gt=0)
    unpack: bool = False

    @model_validator(mode="after")
    def _below(self) -> Download:
        path = PurePosixPath(self.name)
        if path.is_absolute() or ".." in path.parts or not path.parts:
            raise ValueError(f"'{self.name}' is no file below the folder; give 'file'")
        return self

    @property
    def name(self) -> str:
        """Where it goes, below the folder."""
        return self.file or unquote(urlsplit(self.url).path.rpartition("/")[2])
