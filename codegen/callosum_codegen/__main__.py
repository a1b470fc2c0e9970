"""`python -m callosum_codegen` is ``callosum-gen``."""

from __future__ import annotations

from callosum_codegen.cli import main

main(prog_name="callosum-gen")
