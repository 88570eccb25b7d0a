export type { Config, Setting } from "./config.ts";
export { ConfigError, readConfig, SETTINGS } from "./config.ts";
export type { Context, Overrides, RepositoryService } from "./service.ts";
export { startRepository } from "./service.ts";
