"""Code for the rules of a policy: syntax trees of Python, compiled when a question first needs them."""
