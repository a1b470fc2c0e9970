service Witness {
    /** The oneway calls since the last time: names, and digests of their arguments. */
    list<string> seen()
}
