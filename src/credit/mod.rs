//! Which campaign or source gets a communication, and why. Only computes.
