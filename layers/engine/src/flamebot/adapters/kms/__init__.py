"""Credentials under a KMS data key."""
