"""ATOL registers behind a web server of JSON tasks."""
