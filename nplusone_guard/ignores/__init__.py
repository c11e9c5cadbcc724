"""Query loops that may stay: comments, ``with ignore(…)`` and entries of the settings.

Every ignore carries a reason, and one that suppressed nothing is reported, so that
none outlives the loop it was written for.
"""
