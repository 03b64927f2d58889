"""Settings of Sphinx for the book; ``python -m docs`` gathers it with all pages in ``build/docs/source``."""

from importlib.metadata import version as installed

project = "conditional-equivalence"
author = "The conditional-equivalence authors"
version = release = installed("conditional-equivalence")
language = "en"

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_design",
    "sphinx_copybutton",
    "docs.extensions.mathml",
    "docs.extensions.book",
    "docs.extensions.once",
]
myst_enable_extensions = ["dollarmath", "colon_fence", "deflist", "attrs_inline"]
myst_heading_anchors = 3
html_math_renderer = "mathml"
templates_path = ["_templates"]
suppress_warnings = ["myst.strikethrough"]

autodoc_typehints = "signature"
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
napoleon_google_docstring, napoleon_numpy_docstring = True, False
napoleon_use_rtype = False
add_module_names = False
python_use_unqualified_type_names = True
toc_object_entries_show_parents = "hide"

copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

html_theme = "furo"
html_title = "DPO, RLHF, CPO: what holds"
html_static_path = ["_static"]
html_css_files = ["book.css"]
html_js_files = ["book.js"]
html_copy_source = False
html_show_sphinx = False
# the summaries of search results are fetched, which browsers refuse for pages opened from disk
html_show_search_summary = False
pygments_style, pygments_dark_style = "a11y-high-contrast-light", "a11y-high-contrast-dark"
html_last_updated_fmt = None
