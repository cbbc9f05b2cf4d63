"""The vault on AWS Key Management Service."""
