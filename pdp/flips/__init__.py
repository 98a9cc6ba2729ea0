"""What it would take: the smallest change of facts that turns a decision around."""
