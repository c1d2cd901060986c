"""Every model of others that is at hand: compiled, compared, simulated; `benchmarks.model_zoo`."""
