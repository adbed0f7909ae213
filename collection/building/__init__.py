"""A build from the inside: its sources and plan, who is admitted, one recording after another, the finished folder."""
