"""Every preference loss as one object that knows its parameters, its derivatives and what decides existence."""
