"""One module per group of commands: `add` tells argparse about them, the rest runs them."""
