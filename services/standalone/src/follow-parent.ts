/*
 * Loaded into each service before its own code: when the standalone is gone, even by `kill -9`, the service ends as if
 * it had been asked to.
 */
process.once("disconnect", () => process.kill(process.pid, "SIGTERM"));
// The channel says no more than that; it must not keep the process alive.
process.channel?.unref();
