"""Every tolerance of the mathematics, each with its reason."""

#: A row of reference probabilities is accepted when it sums to 1 this closely, then renormalised exactly.
#: Double-precision softmax of 10^5 responses is off by about 1e-12; a wrong row is off by far more.
ROW_SUM = 1e-8

#: A Bradley-Terry fit stops after the Newton step that moves no log-ratio of a block by more than this (nats). The
#: damped step converges quadratically with constant about 1: what is left is the square, below rounding.
NEWTON_STEP = 1e-8

#: Damped Newton steps at most: far from the optimum a step moves a log-ratio by 0.7 nats at least.
NEWTON_STEPS = 500

#: Spectral steps at most before Newton takes over; consistent labels need one and a second to see it.
SPECTRAL_STEPS = 100
