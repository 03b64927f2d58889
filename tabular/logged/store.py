"""Where the real data sets come from: a directory that has them, or a pinned download; checksums either way."""

import contextlib
import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from tabular.base.extras import library
from tabular.errors import InputError

__all__ = ["FILES", "DataFile", "DataUnavailable", "fetch"]

_LEARNING_DYNAMICS = (
    "https://raw.githubusercontent.com/Joshua-Ren/Learning_dynamics_LLM/08e3bd25cb7debcf263244046a697e355715bbd9/"
    "src/exp_results/prob_pythia410m_dpo/"
)
_SECONDS_TO_WAIT = 10  # for the server to answer: a report without network should say so soon


class DataUnavailable(InputError):
    """A real data set that neither ``CONDEQ_DATA`` nor the network has. The message says how to get it."""


@dataclass(frozen=True)
class DataFile:
    """A file's sha256, and its public address where it is published as it is."""

    sha256: str
    url: str | None = None


FILES = {
    "hh-pythia410m-dpo": {
        "logp_npy_all_chosen.npy": DataFile(
            "1d701ebbe295d1fcd2b8964ce117052b3679aa1a257b66c2f59672a34f7354ab",
            _LEARNING_DYNAMICS + "logp_npy_all_chosen.npy",
        ),
        "prob_train_metrics.json": DataFile(
            "fd72d85d02bc9ba15ae9e955278d96d96c6055f154898768f7cdc150ed1a0fab",
            _LEARNING_DYNAMICS + "prob_train_metrics.json",
        ),
    },
    "superhf-rewards": {
        "rewards.csv.gz": DataFile("ee796557a49675d1b997912ef9347af22bbd67af982297994182da0f5b7047d5"),
    },
    "pandalm-human": {
        "pairs.csv": DataFile("0b5c807fea62037b1a5e908125d64dabdd5dc9734da4c5de9aacfd790fb9b360"),
    },
    "classic-bradley-terry": {
        "baseball1987.csv": DataFile("ebbb7748a18b75247b6efe3d103d509ee679ff0f9e7d04621a46c1dc680ee012"),
        "citations.csv": DataFile("7cd4508594167eb831323d1e2644fcf4512ba57566c7d3a22bb6e6dce290a1ce"),
    },
}


def fetch(name, filename) -> Path:
    """The path of a data set's file, once its sha256 is known to be the pinned one.

    With ``CONDEQ_DATA`` set the file is ``<CONDEQ_DATA>/<name>/<filename>`` and nothing is downloaded. Otherwise it is
    downloaded once, where it is published, and kept in the user's cache directory.

    Raises:
        DataUnavailable: it is not there, not published, or the download failed or brought something else.
        InputError: the file in ``CONDEQ_DATA`` is not the pinned one, or cannot be read.
    """
    pinned = FILES[name][filename]
    directory = os.environ.get("CONDEQ_DATA")
    if directory:
        return _verified(Path(directory) / name / filename, name, pinned)
    if pinned.url is None:
        raise DataUnavailable(
            f"{name} is a derived table that is not published for download: set CONDEQ_DATA to a directory that holds "
            f"it as {name}/{filename}"
        )
    return _downloaded(name, filename, pinned)


def _verified(path, name, pinned):
    try:
        found = hashlib.sha256(path.read_bytes()).hexdigest()
    except FileNotFoundError:
        raise DataUnavailable(
            f"{path} is not there: CONDEQ_DATA must name a directory that holds {name}/{path.name}"
        ) from None
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from None
    if found != pinned.sha256:
        raise InputError(
            f"{path} is truncated or changed (sha256 {found[:12]}..., expected {pinned.sha256[:12]}...): copy it again"
        )
    return path


def _downloaded(name, filename, pinned):
    pooch = library("pooch", "data", f"to download {name}", DataUnavailable)
    cache = pooch.os_cache("conditional-equivalence") / name
    downloader = pooch.HTTPDownloader(timeout=_SECONDS_TO_WAIT)
    try:
        with _quiet(pooch.get_logger()):
            return Path(pooch.retrieve(pinned.url, f"sha256:{pinned.sha256}", filename, cache, downloader=downloader))
    except ValueError:  # pooch's word for another checksum; it has deleted the file
        why = f"it brought something else than the pinned file (expected sha256 {pinned.sha256[:12]}...)"
    except OSError as error:  # no network, no such page, a broken connection, an unwritable cache
        why = type(error).__name__
    raise DataUnavailable(
        f"{pinned.url} could not be downloaded ({why}): try again with network, "
        f"or set CONDEQ_DATA to a directory that holds {name}/{filename}"
    )


@contextlib.contextmanager
def _quiet(logger):
    """No line for each download: progress is the caller's business."""
    level = logger.level
    logger.setLevel("WARNING")
    try:
        yield
    finally:
        logger.setLevel(level)
