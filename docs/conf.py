"""Sphinx's configuration; `make docs` builds with every warning an error."""

from __future__ import annotations

from importlib.metadata import version as installed_version

project = "nplusone-guard"
copyright = "the nplusone-guard authors"
author = "the nplusone-guard authors"
release = version = installed_version("nplusone-guard")

extensions = ["myst_parser", "sphinx.ext.autodoc"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build"]
myst_enable_extensions = ["colon_fence", "deflist", "fieldlist"]
myst_heading_anchors = 3

html_theme = "furo"
html_extra_path = ["report.schema.json"]
html_title = f"nplusone-guard {release}"

autodoc_typehints = "description"
# The build needs no network, so names of other projects cannot be looked up.
nitpick_ignore_regex = [("py:.*", r"(django|wrapt|sqlparse|collections|typing|types)\..*")]
