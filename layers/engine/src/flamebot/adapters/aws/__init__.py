"""AWS itself: clients, and what is signed or kept without an adapter of its own."""
