"""The engine of the Flamebot Workflow System: the only code that ships to Lambda.

Read it from the inside out: `domain` (pure), `actions`, `ports`, `services`, `adapters`, `http`, `bootstrap`.
"""
