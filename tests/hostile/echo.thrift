service Echo {
    string say(1: string message)
}
