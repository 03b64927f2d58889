"""Every tolerance of the mathematics, each with its reason."""

#: A row of reference probabilities is accepted when it sums to 1 this closely, then renormalised exactly.
#: Double-precision softmax of 10^5 responses is off by about 1e-12; a wrong row is off by far more.
ROW_SUM = 1e-8
