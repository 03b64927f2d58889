"""Liu et al. 2024, decoding-time realignment (DeRa): other strengths of regularisation without training."""
