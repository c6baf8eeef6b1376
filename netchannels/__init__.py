"""The channels of `csp`, between programs and machines, over trio streams."""
