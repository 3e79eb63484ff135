"""What a dataset card may say: every key, its type and its meaning (see data/README.md)."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field, model_validator

from faultsyn.ingest.schema_fetch import Download
from faultsyn.ingest.schema_quality import Quality
from faultsyn.ingest.strict_model import Strict, as_list

Scalar = bool | int | float | str

TEXT_COLUMNS = ("label", "location", "asset", "machine", "session", "bearing", "start_time")
"""Standard columns that are text whatever YAML made of them."""
NUMBER_COLUMNS = ("severity", "load", "rpm")
"""Standard columns that are numbers."""
REQUIRED_COLUMNS = ("label", "asset")


class Value(Strict):
    """Where one value comes from.

    - `value`: constant or template; `{name}` is a named group, a file value, a joined table's
      column, a column given before, or one of stem, name, path, folder, row, segment,
      segment_value. A format may follow: `{row:04}`.
    - `block_of`: instead of `value`: running number, one up whenever this template's text
      changes from one recording of the rule to the next.
    - `map`: lookup name (`lookups` key, dotted for one inside another) or a mapping in place.
    - `times`: factor on a number.
    - `type`: what it becomes; standard columns have theirs, others keep what they are.
    - `if`: `left op right`, op one of < <= == != >= >; when false, `default` holds.
    - `default`: used when a name has no value here, the map lacks the key, or `if` is false.
    """

    short: ClassVar[str] = "value"
    value: Scalar | None = None
    block_of: str | None = None
    map: str | dict[str, Scalar] | None = None
    times: float | None = None
    type: Literal["text", "number", "integer", "truth"] | None = None
    condition: str | None = Field(default=None, alias="if")
    default: Value | None = None

    @model_validator(mode="after")
    def _one_source(self) -> Value:
        if (self.value is None) == (self.block_of is None):
            raise ValueError("give either 'value' or 'block_of'")
        return self


class FileValue(Strict):
    """A single value inside the data file, usable as `{name}`.

    - `from`: variable or column (literal name, else regular expression; a list is tried in order),
      or an attribute: `@name` of the file, `variable@name`.
    - `preamble`: regular expression on a text file's lines before the data; group 1 is the value.
    - `take`: which value of a vector or column; `only` demands that there is one (in a rule with
      `rows`, one for each row).
    """

    short: ClassVar[str] = "from"
    source: list[str | int] = Field(default=[], alias="from")
    preamble: str | None = None
    take: Literal["only", "first", "last", "mean"] = "only"

    @model_validator(mode="before")
    @classmethod
    def _listed(cls, data: Any) -> Any:
        return as_list(data, "from")

    @model_validator(mode="after")
    def _one_source(self) -> FileValue:
        if bool(self.source) == (self.preamble is not None):
            raise ValueError("give either 'from' or 'preamble'")
        return self


class Channel(Strict):
    """One channel of a stream.

    - `from`: variable (.mat, .npz) or column (text header, or position counted from 1); literal
      name, else regular expression; a list is tried in order. Default: the channel's own name,
      else the only variable there is.
    - `file`: path pattern(s) of another file that holds it; the first that is there counts.
    - `quantity`, `unit`: what is measured; a text file's units row may stand in for `unit`.
    - `scale`, `offset`: physical value = stored value * scale + offset.
    - `optional`: the recording may lack it.
    """

    short: ClassVar[str] = "from"
    source: list[str | int] = Field(default=[], alias="from")
    file: list[str] = Field(default=[])
    quantity: str | None = None
    unit: str | None = None
    scale: float = 1.0
    offset: float = 0.0
    optional: bool = False

    @model_validator(mode="before")
    @classmethod
    def _listed(cls, data: Any) -> Any:
        return as_list({} if data is None else data, "from", "file")


class Time(Strict):
    """A stream's time column.

    - `from`: variable or column.
    - `and`: second column, where date and time of day stand apart; joined with a blank.
    - `unit`: of a numeric column.
    - `format`: strptime format of a text column; ISO 8601 needs none.
    """

    short: ClassVar[str] = "from"
    source: list[str | int] = Field(alias="from")
    second: list[str | int] = Field(default=[], alias="and")
    unit: Literal["ns", "us", "ms", "s", "min", "h"] = "s"
    format: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _listed(cls, data: Any) -> Any:
        return as_list(data, "from", "and")


class Stream(Strict):
    """Channels that share a sample rate. Of `rate`, `file_rate`, `interval` and `time` at least one
    is needed; all that are given must agree.

    - `rate`: declared samples per second [Hz]; `file_rate`: the file's own statement of it [Hz],
      `header` where the format has a place for it; `interval`: seconds between samples; `time`:
      time column.
    - `quantity`, `unit`: for channels that do not say.
    - `channels`: name -> where it is. A name with `{group}` stands for every variable that `from`
      matches, named by its groups.
    """

    rate: Value | None = None
    file_rate: Value | None = None
    interval: Value | None = None
    time: Time | None = None
    quantity: str | None = None
    unit: str | None = None
    channels: dict[str, Channel] = Field(min_length=1)

    @model_validator(mode="after")
    def _has_rate(self) -> Stream:
        if not (self.rate or self.file_rate or self.interval or self.time):
            raise ValueError("give 'rate', 'file_rate', 'interval' or 'time'")
        return self


class Segment(Strict):
    """A slice of the file that is a recording of its own.

    - `start`, `stop`: sample number (first is 0; stop is not included) or seconds as text, "8 s".
    - `id`, `columns`: override those of the rule.
    """

    start: int | str | None = None
    stop: int | str | None = None
    id: str | None = None
    columns: dict[str, Value] = Field(default={})


class Text(Strict):
    """How a text file is laid out; what is not said is found out from its first 64 KiB.

    - `delimiter`: one character or `whitespace`; `decimal`: "." or ","; `header`, `units`: whether
      such rows are there; `skip`: lines before anything; `columns`: names when there is no header;
      `comment`: characters that start a comment line; `missing`: cells that mean "no value";
      `encoding`: of the header.
    """

    delimiter: str | None = None
    decimal: Literal[".", ","] | None = None
    header: bool | None = None
    units: bool | None = None
    skip: int = Field(default=0, ge=0)
    columns: list[str] = Field(default=[])
    comment: str = "#%"
    missing: list[str] = Field(default=["", "NA", "N/A", "NaN", "nan", "NULL", "null"])
    encoding: str = "utf-8"


class Table(Strict):
    """A text table that says more about the recordings.

    - `file`: path pattern(s); the first that is there counts.
    - `key`: column to look up; without one the key is the row number, counted from 1.
    - `columns`: names when there is no header, or a mapping name -> position counted from 1.
    - `text`: layout, as for data files.
    """

    file: list[str]
    key: str | None = None
    columns: list[str] | dict[str, int] = Field(default=[])
    text: Text = Text()

    @model_validator(mode="before")
    @classmethod
    def _listed(cls, data: Any) -> Any:
        return as_list(data, "file")


class Body(Strict):
    """What a rule says about its recordings; `defaults` says it for all rules.

    - `format`: how to read the files, where their suffix does not tell.
    - `text`: layout of text files; `transpose`: swap the last two axes of what is read.
    - `rows`: every row of every file is a recording of its own.
    - `values`: single values inside the file; `join`: table -> key template.
    - `id`: template; `columns`: name -> value; `streams`: name (may be a template) -> stream.
    - `segments`: slices that are recordings; `segment_by`: column whose changes cut the file.
    - `rate_tolerance`: relative; how far statements of one rate may lie apart.
    """

    format: (
        Literal["mat", "text", "array", "sound", "parquet", "hdf5", "tdms", "universal"] | None
    ) = None
    text: Text | None = None
    transpose: bool | None = None
    rows: bool | None = None
    values: dict[str, FileValue] = Field(default={})
    join: dict[str, str] = Field(default={})
    id: str | None = None
    columns: dict[str, Value] = Field(default={})
    streams: dict[str, Stream] = Field(default={})
    segments: list[Segment] = Field(default=[])
    segment_by: str | int | None = None
    rate_tolerance: float | None = Field(default=None, gt=0, lt=1)

    @model_validator(mode="after")
    def _one_cut(self) -> Body:
        if self.segments and self.segment_by is not None:
            raise ValueError("give either 'segments' or 'segment_by'")
        if self.rows and (self.segments or self.segment_by is not None):
            raise ValueError("'rows' cannot be cut into segments")
        return self


class Rule(Body):
    """Which files are recordings, and what they are; a file belongs to the first rule it fits.

    - `files`: path pattern(s); `*` any text, `**` any folders, `{name}` any text that becomes a
      named group. - `regex`: the same as a regular expression.
    Either fits the end of the path below the raw folder, from a folder boundary on.
    """

    files: list[str] = Field(default=[])
    regex: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _listed(cls, data: Any) -> Any:
        return as_list(data, "files")

    @model_validator(mode="after")
    def _one_pattern(self) -> Rule:
        if bool(self.files) == (self.regex is not None):
            raise ValueError("give either 'files' or 'regex'")
        return self


class Card(Strict):
    """A dataset card: what the files of a data set are, without code."""

    name: str = Field(pattern=r"^[A-Za-z0-9][\w.-]*$")
    title: str
    publisher: str = ""
    address: str = ""
    licence: str = ""
    citation: str = ""
    about: str = ""
    ignore: list[str] = Field(default=[])
    sha256: dict[str, str] = Field(default={})
    lookups: dict[str, dict[str, Any]] = Field(default={})
    tables: dict[str, Table] = Field(default={})
    fetch: list[Download] = Field(default=[])
    quality: Quality = Quality()
    defaults: Body = Body()
    recordings: list[Rule] = Field(min_length=1)
