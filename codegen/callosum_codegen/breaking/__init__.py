"""``callosum-gen breaking``: what a new version of a file breaks for those who have the old one.

`rules` has the rules, `comparison` compares two programs, `versions` finds the old files, `command` is the verb.
Names of types are not on the wire: a type that was renamed, moved, or put behind a typedef is the same there, so types
are compared by what they are, wherever they are used.
"""
