"""Who is asking: tokens and certificates become a principal and a session.

It needs the extra `identity`. Nothing that decides imports it.
"""
