/** Only waits: the yardstick for the memory of an idle daemon. */
setInterval(() => undefined, 1000);
