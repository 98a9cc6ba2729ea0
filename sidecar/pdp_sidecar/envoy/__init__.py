"""Envoy's external authorization, version 3: requests of HTTP as questions, and answers as what to do with them."""
