"""Pure values and rules: no AWS, no SQL, no clock, no dice, no environment."""
