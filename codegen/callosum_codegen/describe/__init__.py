"""``callosum-gen describe``: what is in a file, readable in a terminal.

`target` finds what a name means, `pages` writes it down, `command` is the verb.
"""
