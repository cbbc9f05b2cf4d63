"""Files that wait to be imported, on S3."""
