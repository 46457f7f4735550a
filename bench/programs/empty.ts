/** Does nothing: the yardstick for the start of a program. */
process.exitCode = 0;
