import pg from "pg";

export interface ListenOptions {
  readonly connectionString: string;
  readonly applicationName: string;
  /** Channel name (plain lower-case letters and `_`) and who is told of each notification's payload. */
  readonly channels: ReadonlyMap<string, (payload: string) => void>;
  /**
   * Called each time the connection stands, the first time included. Notifications sent while there was
   * none are lost, so whoever listens has to look at the tables again here.
   */
  readonly onConnected?: () => void;
  readonly onError?: (error: Error) => void;
  /** The longest pause between two tries (5 s). */
  readonly maxPauseMs?: number;
}

export interface Listener {
  /** Resolves once the first connection stands. */
  readonly ready: Promise<void>;
  close(): Promise<void>;
}

/** LISTENs on a connection of its own, and connects again for as long as it takes. */
export function listen(options: ListenOptions): Listener {
  const maxPause = options.maxPauseMs ?? 5_000;
  const ready = Promise.withResolvers<void>();
  let client: pg.Client | undefined;
  let timer: NodeJS.Timeout | undefined;
  let closed = false;
  let pauseMs = 50;

  const again = (error: Error): void => {
    client?.removeAllListeners();
    client?.on("error", () => undefined); // a broken socket may report more than once
    client?.end().catch(() => undefined);
    client = undefined;
    if (closed) return;
    options.onError?.(error);
    timer = setTimeout(connect, pauseMs);
    pauseMs = Math.min(pauseMs * 2, maxPause);
  };

  const connect = (): void => {
    const fresh = new pg.Client({
      connectionString: options.connectionString,
      application_name: options.applicationName,
      connectionTimeoutMillis: 10_000,
      keepAlive: true,
    });
    client = fresh;
    fresh.on("error", again);
    fresh.on("end", () => again(new Error("The server closed the connection that listens.")));
    fresh.on("notification", ({ channel, payload }) => options.channels.get(channel)?.(payload ?? ""));
    subscribe(fresh, [...options.channels.keys()]).then(
      () => {
        if (client !== fresh) return;
        pauseMs = 50;
        ready.resolve();
        options.onConnected?.();
      },
      (error: Error) => {
        if (client === fresh) again(error);
      },
    );
  };

  connect();
  return {
    ready: ready.promise,
    async close() {
      closed = true;
      clearTimeout(timer);
      client?.removeAllListeners();
      client?.on("error", () => undefined);
      await client?.end().catch(() => undefined);
      client = undefined;
    },
  };
}

async function subscribe(client: pg.Client, channels: readonly string[]): Promise<void> {
  await client.connect();
  for (const channel of channels) await client.query(`LISTEN ${client.escapeIdentifier(channel)}`);
}
