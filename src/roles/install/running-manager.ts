/** Finds the service manager that runs on this machine. */
import { existsSync } from "node:fs";
import { processNames } from "./running-daemon.ts";
import { isManagerRunning, SERVICE_MANAGERS } from "./service-managers.ts";
import type { ServiceManager } from "./service-managers.ts";

/** Returns the service manager that runs here; undefined without one. */
export function findRunningManager(): ServiceManager | undefined {
  const processes = processNames();
  return SERVICE_MANAGERS.find((each) => isManagerRunning(each, existsSync, processes));
}
