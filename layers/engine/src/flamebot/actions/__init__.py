"""The actions a step can name, one file each; importing the registry registers them all."""
