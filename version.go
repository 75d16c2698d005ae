package puff

// Version is the version of this Puff, as "puff version" prints it.
const Version = "0.1.0"
