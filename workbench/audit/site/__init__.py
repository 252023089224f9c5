"""The whole history of a lab as a site: static, offline, built a page at a time."""
