"""Minimisers where the normalisation of a policy binds: the penalised objective and its local maxima.

Losses of the log-ratios themselves enter here; losses of differences of log-ratios belong to ``fits``.
"""

__all__: list[str] = []
