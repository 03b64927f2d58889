"""Every tolerance of the mathematics, each with its reason."""

__all__ = [
    "ARMIJO",
    "BALANCED",
    "COMPLEMENT",
    "CYCLE_MARGIN",
    "FLOW",
    "LEFT",
    "LOSS",
    "MULTIPLIERS",
    "NEWTON_STEP",
    "NORMALISED",
    "RATE",
    "ROW_SUM",
    "SHORTEST",
    "TIGHT",
    "WARM",
    "WEIGHT",
    "WHOLE",
]

#: A row of reference probabilities is accepted when it sums to 1 this closely, then renormalised exactly.
#: Double-precision softmax of 10^5 responses is off by about 1e-12; a wrong row is off by far more.
ROW_SUM = 1e-8

#: A problem's own rows sum to 1 this closely: the rounding of a sum of 10^5 exponentials. They are kept as they are.
NORMALISED = 1e-13

#: A weight and the exponential of its log agree this closely, relative: the rounding of logs of at most 745 in size.
WEIGHT = 1e-12

#: A Bradley-Terry fit stops after the Newton step that moves no log-ratio of a block by more than this (nats). The
#: damped step converges quadratically with constant about 1: what is left is the square, below rounding.
NEWTON_STEP = 1e-8

#: A preference cycle counts as balanced (its members keep fixed ratios) when its total margin is below this share of
#: all margins in its block of the digraph: sums of decimal margins such as 0.1 + 0.2 - 0.3 miss 0 by a few 1e-16.
CYCLE_MARGIN = 1e-12

#: What a flow may leave undelivered in a pool of k nodes, relative to all that they send and receive, over sqrt(k):
#: the rounding of those sums.
FLOW = 1e-15

#: Two loss levels count as equal within this share of a nat: a mean over labels of softplus values carries about
#: 1e-15, a fitted block a little more. A pair "can be inverted while the loss falls" only by more than this.
LOSS = 1e-12

#: A constraint in log-space counts as met when it falls short by less than this share of the numbers it compares.
TIGHT = 1e-14

#: Growth rates of blocks (a small least-distance program, solved to about 1e-14) that differ by less are tied.
RATE = 1e-9

#: Relative rounding of a response's multipliers' sum, a few digits for each: what that hides is no error of theirs.
MULTIPLIERS = 1e-12

#: A start whose score equations hold this well, relative, is the fit: rounding alone leaves about as much.
BALANCED = 1e-11

#: A preference matrix is accepted when P_ij + P_ji is 1 this closely (shares printed to ten digits are),
#: then made exact.
COMPLEMENT = 1e-9

#: Armijo's share: a damped Newton step is taken when the residual falls by at least this share of what it promises.
ARMIJO = 1e-4

#: An equilibrium of an intermediate, larger tau need only be this close (nats) to start the next from.
WARM = 0.1

#: Conjugate gradients end when no margin is further than about this share from the fit: sums of 10^5 to 10^7 terms know
#: little more.
LEFT = 1e-13

#: A Newton step is not shortened below this share: where even so little of it does not help, only rounding is left.
SHORTEST = 1e-10

#: Weights whose ratios to the least of them are this close to whole numbers, relative, are taken for whole: logs of
#: whole numbers up to e^30 are off by 4e-15 at most.
WHOLE = 1e-14
