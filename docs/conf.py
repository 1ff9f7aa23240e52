"""How Sphinx makes the site of these pages: `make site`. Read on a forge they are pages as well."""

from wca.version import __version__

project = "WCA"
copyright = "the authors of WCA, Apache License 2.0"  # noqa: A001 - Sphinx' name
version = release = __version__

extensions = ["myst_parser"]
source_suffix = {".md": "markdown"}
exclude_patterns: list[str] = []

#: Headings that links may lead to, `page.md#some-heading`.
myst_heading_anchors = 5
#: A link that leads nowhere is an error, as is every other warning: the site is built with -W.
nitpicky = True

html_theme = "furo"
html_title = f"WCA {version}"
html_copy_source = False
html_show_sphinx = False
#: Nothing of a page comes from elsewhere.
html_theme_options = {"source_edit_link": "", "top_of_page_buttons": []}
templates_path: list[str] = []
