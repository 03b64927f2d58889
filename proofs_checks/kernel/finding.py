"""What one run of a piece of evidence found."""

from dataclasses import dataclass

__all__ = ["Finding"]


@dataclass(frozen=True)
class Finding:
    """``passed`` is True, False, or None where it could not be decided; ``residual`` is an error or a margin.

    Raises:
        TypeError: anything else for ``passed``: a generator or an object is truthy and has shown nothing.

    >>> Finding(1 < 2, "as it should be").passed
    True
    """

    passed: bool | None
    summary: str
    residual: float | None = None
    witness: str | None = None

    def __post_init__(self):
        if self.passed is not None and type(self.passed) is not bool:
            raise TypeError(f"a finding passed, failed or was not decided: True, False or None, not {self.passed!r}")
