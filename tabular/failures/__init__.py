"""How a DPO loss can fall while a label stays inverted: thresholds, worst cases, kinds, remedies."""

__all__: list[str] = []
