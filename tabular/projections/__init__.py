"""KL projection onto order constraints: the engine of :func:`tabular.cpo.constrained_optimum`."""

__all__: list[str] = []
