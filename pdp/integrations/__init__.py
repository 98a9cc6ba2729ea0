"""Policy decisions inside the frameworks of others. Each module needs its framework, and `pdp` needs none of them."""
