import { type Logger, pino } from "pino";
import type { Config } from "../config.ts";

export type { Logger } from "pino";

/**
 * JSON logs on standard output, one object per line. Request headers are never logged whole; what could still
 * carry a secret is redacted by path (N-69).
 */
export function createLogger(
  config: Pick<Config, "logLevel">,
  destination?: { write(line: string): void },
): Logger {
  const options = {
    level: config.logLevel,
    base: { service: "repository" },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    redact: {
      paths: [
        "authorization",
        "token",
        "password",
        "*.authorization",
        "*.token",
        "*.password",
        "*.connectionString",
      ],
      censor: "[redacted]",
    },
  };
  return destination === undefined ? pino(options) : pino(options, destination);
}
