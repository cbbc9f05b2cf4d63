"""The store of import files on S3, and the messages about uploads."""
