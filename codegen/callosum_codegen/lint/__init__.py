"""``callosum-gen lint``: style and hazards of one version of a file.

`rules` has the rules; `naming`, `numbering`, `fields` and `usage` look for them; `checking` runs them all; `command` is
the verb. What an included file says is its own affair.
"""
