"""The actions that a step can name, one file each. The registry imports and registers them."""
