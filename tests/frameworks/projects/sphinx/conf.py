project = "EDITION"
html_theme = "furo"
html_extra_path = ["extra"]
html_static_path = ["static"]
html_css_files = ["custom.css"]
html_copy_source = True
