"""The engine of the Flamebot Workflow System: the only code that ships to Lambda.

Read it from the inside out: `domain` (no input or output), `actions`, `ports`, `services`,
`adapters`, `http`, `resources`, `bootstrap`.
"""
