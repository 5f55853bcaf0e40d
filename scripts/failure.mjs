// Plain JavaScript: runs before any dependency is there.

/** A failure whose message tells the person at the terminal what to do: printed without a stack. */
export class Failure extends Error {}
