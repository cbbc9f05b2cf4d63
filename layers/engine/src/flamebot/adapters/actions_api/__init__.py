"""The actions service over HTTP."""
