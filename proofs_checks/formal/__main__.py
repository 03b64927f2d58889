"""``python -m proofs_checks.formal``: compile, ask and re-check everything from nothing, then write the record."""

import sys
from pathlib import Path

from proofs_checks.formal import check

__all__ = ["main"]


def main() -> int:
    """Say what the kernel accepted; 1 where it refused something or is not there."""
    if not check.available():
        print("Coq is not installed (Debian: coq libcoq-coquelicot libcoq-interval libcoq-mathcomp-ssreflect).")
        return 1
    try:
        found = check.full(Path("build/formal"))
    except check.Refused as refusal:
        print(refusal)
        return 1
    check.write(found)
    for name, claim in found["claims"].items():
        wider = f", interval: {len(claim['interval'])} on machine numbers" if claim["interval"] else ""
        print(f"{name:32} {claim['shown']:8} {claim['scope']:8} {len(claim['axioms'])} axioms{wider}")
    near = sum(len(claim["near"]) for claim in found["claims"].values())
    in_full = sum(claim["scope"] != "part" for claim in found["claims"].values())
    print(f"{len(found['claims'])} claims, {in_full} in full or stronger; {near} near misses refuted; see record.json")
    return 0


if __name__ == "__main__":
    sys.exit(main())
