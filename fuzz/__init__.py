"""Fuzzing of the decoders; ``docs/hostile-input.md`` says what is checked and how it is run."""
