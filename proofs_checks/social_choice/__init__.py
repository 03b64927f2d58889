"""Classical social choice on few alternatives, read as aggregation of preference labels."""

TITLE = "Social choice"
