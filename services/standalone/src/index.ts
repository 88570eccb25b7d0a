export { ConfigError, readConfig, type StandaloneConfig } from "./config.ts";
export { Failure, type Standalone, startStandalone } from "./standalone.ts";
