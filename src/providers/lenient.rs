//! Readers for JSON of vendors that contradict their own documentation: a scalar may be a string,
//! a number or null; an object may be an array, null or absent; any key may be missing.
