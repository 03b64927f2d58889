"""A log file known by its content, whatever it is called: its columns, and those of them that are wanted, lazily."""

import gzip
import json
import zipfile
import zlib
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

from tabular.errors import InputError
from tabular.logged import arrays_files, plain_text

__all__ = [
    "ARRAY",
    "ARRAYS",
    "DELIMITED",
    "FEATHER",
    "LINES",
    "PARQUET",
    "STREAM",
    "TEXT",
    "TORCH",
    "File",
    "lazy",
    "library",
    "names",
    "opened",
]

DELIMITED, LINES, ARRAY = "delimited text", "JSON lines", "JSON array"
PARQUET, FEATHER, STREAM = "Parquet", "Arrow file", "Arrow stream"
ARRAYS, TORCH = "npz", "torch file"
TEXT = (DELIMITED, LINES, ARRAY)

#: what a file begins with, and what it is; a sentence in place of a kind says why it is not read
_SIGNS = (
    (b"PAR1", PARQUET),
    (b"ARROW1", FEATHER),
    (b"\xff\xff\xff\xff", STREAM),
    (b"FEA1", "!is Feather of the first version: write it again as Parquet or Feather 2"),
    (b"\x93NUMPY", "!is one bare array: save the two columns together with numpy.savez"),
    (b"\x80", "!is a pickle, which can run code when it is read: save the columns as Parquet or CSV"),
    (b"BZh", "!is packed with bzip2: unpack it, or pack it with gzip or zstd"),
    (b"\xfd7zXZ", "!is packed with xz: unpack it, or pack it with gzip or zstd"),
    (b"7z\xbc\xaf", "!is a 7-Zip archive: unpack it"),
    (b"%PDF", "!is a PDF: give the table itself"),
    (b"SQLite format 3", "!is an SQLite database: export the table as CSV or Parquet"),
    (b"\x89HDF", "!is HDF5: export the columns as Parquet or CSV"),
    (b"\xff\xfe", "!is UTF-16 text: save it as UTF-8"),
    (b"\xfe\xff", "!is UTF-16 text: save it as UTF-8"),
    (b"version https://git-lfs", "!is a pointer of Git LFS, not the file: fetch it with git lfs pull"),
)


@dataclass(frozen=True)
class File:
    """One file: its path, its kind, and its content where it had to be unpacked (else it is read from the disk)."""

    path: Path
    kind: str
    data: bytes | None = None

    @property
    def source(self) -> Any:
        return self.path if self.data is None else self.data

    def text(self) -> str:
        """The whole text, or one sentence on where it is none."""
        data = self.path.read_bytes() if self.data is None else self.data
        try:
            return data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise InputError(f"{self.path} is not UTF-8 text (byte {error.start}): save it as UTF-8") from None

    @cached_property
    def keys(self) -> list[str]:
        """Of JSON: all keys of an array; of lines those of the first thousand."""
        if self.kind == ARRAY:
            return plain_text.names_of(self.path, self._rows)
        rows = []
        for number, line in enumerate(islice(plain_text.lines_of(self.source), 1000), start=1):
            text = File(self.path, self.kind, line).text()
            if text.strip():
                row = plain_text.parsed(text, f"{self.path}, line {number}", "write one object on each line")
                rows.append(row if isinstance(row, dict) else {})
        return plain_text.names_of(self.path, rows)

    @cached_property
    def lines(self) -> Any:
        """JSON lines as an engine takes them; of an array, its objects."""
        return self.source if self.kind == LINES else "\n".join(map(json.dumps, self._rows)).encode()

    @cached_property
    def _rows(self):
        return plain_text.json_array(self.path, self.text())


def opened(path: Path) -> File:
    """The file, unpacked and recognised.

    Raises:
        InputError: it cannot be read, is broken, or is of a kind that is not read, with what to do.
    """
    try:
        with path.open("rb") as file:
            head = file.read(64)
        if head[:2] == b"\x1f\x8b":
            data = gzip.decompress(path.read_bytes())
        elif head[:4] == b"\x28\xb5\x2f\xfd":
            data = _unpacked_zstd(path)
        else:
            if path.suffix.lower() == ".gz":
                raise gzip.BadGzipFile
            return _recognised(path, head, None)
    except (gzip.BadGzipFile, zlib.error, EOFError):
        raise InputError(f"{path} is not a whole gzip file: copy it again, or unpack it and give the text") from None
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or plain_text.first_line(error)}") from None
    return _recognised(path, data[:64], data)


def _unpacked_zstd(path):
    arrow = library("pyarrow", path)
    try:
        with arrow.CompressedInputStream(arrow.OSFile(str(path)), "zstd") as stream:
            return stream.read()
    except (OSError, arrow.ArrowException):
        raise InputError(f"{path} is not a whole zstd file: copy it again, or unpack it and give the text") from None


def _recognised(path, head, data):
    if data is None and (any(sign in str(path) for sign in "*?[") or not str(path).isprintable()):
        data = path.read_bytes()  # an engine would take the name for a pattern, or not take it at all
    for sign, kind in _SIGNS:
        if head.startswith(sign):
            if kind.startswith("!"):
                raise InputError(f"{path} {kind[1:]}")
            return File(path, kind, data)
    if head.startswith(b"PK\x03\x04"):
        return File(path, _kind_of_zip(path), data)
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if start[:1] == b"[":
        return File(path, ARRAY, data)
    if start[:1] == b"{":
        return File(path, LINES, data)
    if start[:1] == b"<":
        raise InputError(f"{path} is HTML or XML, perhaps a page in place of the file: download the file itself")
    return File(path, DELIMITED, data)


def _kind_of_zip(path):
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.namelist()
    except (zipfile.BadZipFile, OSError):
        raise InputError(f"{path} is not a whole zip file: copy it again") from None
    if any(name.endswith("data.pkl") for name in members):
        return TORCH
    if members and all(name.endswith(".npy") for name in members):
        return ARRAYS
    if "[Content_Types].xml" in members:
        raise InputError(f"{path} is a spreadsheet: save the sheet as CSV")
    raise InputError(f"{path} is a zip archive: unpack it and give the table inside")


def names(file: File) -> list[str]:
    """The names of the columns, as they stand in the file."""
    if file.kind in (ARRAYS, TORCH):
        return list(arrays_files.members(file.path, file.kind == TORCH))
    if file.kind == DELIMITED:
        return _header(file)[1]
    if file.kind in (LINES, ARRAY):
        return file.keys
    return list(_binary(file).collect_schema())


def lazy(file: File, numbers=(), lengths=()):
    """A lazy Polars frame of all columns: ``numbers`` as doubles, ``lengths`` as the number of entries of each list.

    The other columns of a text are texts, those of JSON that hold lists or objects as JSON.

    What is no number makes collecting raise ``polars.exceptions.PolarsError``.
    """
    polars = library("polars", file.path)
    if file.kind in (ARRAYS, TORCH):
        frame = polars.LazyFrame(arrays_files.members(file.path, file.kind == TORCH))
    elif file.kind == DELIMITED:
        separator, header, lines = _header(file)
        form = {"separator": separator, "has_header": False, "skip_lines": lines}  # whose names may have blanks
        whole = dict.fromkeys(header, polars.String) | dict.fromkeys(numbers, polars.Float64)
        frame = polars.scan_csv(file.source, schema=whole, low_memory=True, **form)
    elif file.kind in (LINES, ARRAY):
        whole = dict.fromkeys(file.keys, polars.String) | dict.fromkeys(numbers, polars.Float64)
        frame = polars.scan_ndjson(file.lines, schema=whole | dict.fromkeys(lengths, polars.List(polars.Float64)))
    else:
        frame = _binary(file)
    schema = frame.collect_schema()
    changed = [_as_number(polars, file, name, schema[name]) for name in numbers]
    return frame.with_columns(*changed, *(polars.col(name).list.len().cast(polars.Float64) for name in lengths))


def _as_number(polars, file, name, kind):
    """Whole numbers and floats become doubles; text, dates, lists and booleans are no numbers."""
    if not kind.is_numeric() and kind != polars.Null:
        raise InputError(f"{file.path}: {name} holds {str(kind).lower()}, it must hold numbers")
    return polars.col(name).cast(polars.Float64)


def _binary(file):
    polars = library("polars", file.path)
    try:
        if file.kind == PARQUET:
            frame = polars.scan_parquet(file.source)
        elif file.kind == FEATHER:
            frame = polars.scan_ipc(file.source)
        else:
            frame = _stream(file).lazy()
        frame.collect_schema()
    except (polars.exceptions.PolarsError, OSError) as error:
        raise InputError(
            f"{file.path} is not a whole {file.kind.lower()} file: {plain_text.first_line(error)}"
        ) from None
    return frame


def _stream(file):
    """An Arrow stream, mapped into memory: pages are read when a column is."""
    polars, arrow = library("polars", file.path), library("pyarrow", file.path)
    import pyarrow.ipc as ipc

    source = arrow.memory_map(str(file.path)) if file.data is None else arrow.BufferReader(file.data)
    try:
        return polars.from_arrow(ipc.open_stream(source).read_all())
    except (arrow.ArrowException, OSError) as error:
        raise InputError(f"{file.path} is not a whole Arrow stream: {plain_text.first_line(error)}") from None


def _header(file):
    """(separator, names, lines) of the first line that is not blank, and those before."""
    if file.data is not None:
        head = file.data[: 1 << 20]
    else:
        with file.path.open("rb") as stream:
            head = stream.read(1 << 20)
    cut = head[: head.rfind(b"\n") + 1] or head  # a character at the end of the piece may be cut in two
    return plain_text.header(file.path, File(file.path, file.kind, cut).text())


def library(name: str, path):
    """A library of the extra ``data``, or the sentence that names it."""
    try:
        return __import__(name)
    except ImportError:
        raise InputError(f"{path} needs {name} to be read: install the extra conditional-equivalence[data]") from None
