# Written by callosum-gen: import the modules of this package.
